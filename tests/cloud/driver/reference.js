// Evaluates JSONata with the reference implementation: one line of JSON in, one line out. ECG_JSONATA is the package's folder.

const { createInterface } = require('node:readline');

const jsonata = require(process.env.ECG_JSONATA);

// What Step Functions takes away and adds. The functions that it adds and no workflow file here calls are missing: an
// expression that calls one is then told as a difference.
function asStepFunctions(expression) {
  expression.registerFunction('eval', () => { throw Object.assign(new Error('$eval is not available'), { code: 'T1006' }); });
  expression.registerFunction('parse', (text) => (text === undefined ? undefined : JSON.parse(text)), '<s-:x>');
  expression.registerFunction('range', (start, end, step) => (
    Array.from({ length: Math.max(0, Math.floor((end - start) / step) + 1) }, (_, at) => start + at * step)), '<nnn:a<n>>');
}

async function answer({ expression, bindings }) {
  try {
    const compiled = jsonata(expression);
    asStepFunctions(compiled);
    const value = await compiled.evaluate(undefined, bindings);
    const text = JSON.stringify(value);
    // Step Functions: what JSON cannot represent is an error.
    return text === undefined ? '{"error":"undefined"}' : `{"value":${text}}`;
  } catch (error) {
    return JSON.stringify({ error: error.code ?? error.name, message: String(error.message) });
  }
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${await answer(JSON.parse(line))}\n`);
  }
}

main();
