//! The functions that Step Functions adds to JSONata, and those that must use the engine's clock and seed:
//! `$partition $range $hash $random $uuid $parse $now $millis`. A definition with `$eval` is rejected at load time.

use chrono::{DateTime, Utc};
use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::value::JValue;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::random::Random;

/// The maximum number of values that `$range` returns, as on AWS.
const LONGEST_RANGE: usize = 1000;

pub(crate) fn register(
    evaluator: &mut Evaluator,
    now: DateTime<Utc>,
    random: &Random,
) -> Result<(), EvaluatorError> {
    evaluator.register_fn("partition", partition)?;
    evaluator.register_fn("range", range)?;
    evaluator.register_fn("hash", hash)?;
    evaluator.register_fn("parse", parse)?;
    let chance = random.clone();
    evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::from(chance.uuid())))?;
    let chance = random.clone();
    evaluator.register_fn_override("random", move |arguments: &[JValue]| {
        Ok(JValue::from(match arguments.first().and_then(JValue::as_f64) {
            Some(seed) => Random::seeded(seed.to_bits()).unit(),
            None => chance.unit(),
        }))
    })?;
    evaluator.register_fn_override("millis", move |_: &[JValue]| {
        Ok(JValue::from(now.timestamp_millis()))
    })?;
    evaluator.register_fn_override("now", move |arguments: &[JValue]| formatted(now, arguments))
}

fn fault(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

/// `$now([picture [, timezone]])`, computed as `$fromMillis` of the engine's current time.
fn formatted(now: DateTime<Utc>, arguments: &[JValue]) -> HostFnResult {
    let source = match arguments.len() {
        0 => "$fromMillis($millis)",
        1 => "$fromMillis($millis, $picture)",
        _ => "$fromMillis($millis, $picture, $timezone)",
    };
    let tree = jsonata_core::parser::parse(source).map_err(|error| fault(error.to_string()))?;
    let mut context = jsonata_core::evaluator::Context::new();
    context.bind("millis".to_string(), JValue::from(now.timestamp_millis()));
    for (name, argument) in ["picture", "timezone"].iter().zip(arguments) {
        context.bind((*name).to_string(), argument.clone());
    }
    Evaluator::with_context(context).evaluate(&tree, &JValue::Undefined)
}

/// `$partition(array, size)` returns consecutive parts of the array. The last part may be shorter.
fn partition(arguments: &[JValue]) -> HostFnResult {
    let [list, size] = arguments else {
        return Err(fault("$partition expects an array and a size"));
    };
    if list.is_undefined() {
        return Ok(JValue::Undefined);
    }
    let size = size.as_f64().map(f64::trunc).filter(|size| *size >= 1.0);
    let size = size.ok_or_else(|| fault("$partition expects a size of 1 or more"))? as usize;
    let pieces = match list.as_array() {
        Some(items) => items
            .chunks(size)
            .map(|piece| JValue::array(piece.to_vec()))
            .collect(),
        None => vec![JValue::array(vec![list.clone()])],
    };
    Ok(JValue::array(pieces))
}

/// `$range(first, last, step)`, with both ends included. A single number is returned as a number and not as an
/// array, as for every JSONata sequence.
fn range(arguments: &[JValue]) -> HostFnResult {
    let numbers: Vec<f64> = arguments
        .iter()
        .filter_map(JValue::as_f64)
        .map(f64::trunc)
        .collect();
    let [first, last, step] = numbers[..] else {
        return Err(fault("$range expects three numbers: first, last and step"));
    };
    if step == 0.0 {
        return Err(fault("$range expects a step other than 0"));
    }
    let count = ((last - first) / step).floor() + 1.0;
    if count > LONGEST_RANGE as f64 {
        return Err(fault(format!(
            "$range expects at most {LONGEST_RANGE} numbers, found {count}"
        )));
    }
    let count = if count < 1.0 { 0 } else { count as usize };
    let mut items: Vec<JValue> = (0..count)
        .map(|index| JValue::from(first + index as f64 * step))
        .collect();
    Ok(match (items.len(), items.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            items.push(last);
            JValue::array(items)
        }
        (_, None) => JValue::array(items),
    })
}

/// `$hash(text, algorithm)` returns the digest in lowercase hexadecimal digits.
fn hash(arguments: &[JValue]) -> HostFnResult {
    let texts: Vec<&str> = arguments.iter().filter_map(JValue::as_str).collect();
    let [data, algorithm] = texts[..] else {
        return Err(fault("$hash expects two strings: the data and the algorithm"));
    };
    let digest = match algorithm {
        "MD5" => hex(&Md5::digest(data)),
        "SHA-1" => hex(&Sha1::digest(data)),
        "SHA-256" => hex(&Sha256::digest(data)),
        "SHA-384" => hex(&Sha384::digest(data)),
        "SHA-512" => hex(&Sha512::digest(data)),
        other => {
            return Err(fault(format!(
                "$hash expects MD5, SHA-1, SHA-256, SHA-384 or SHA-512, found {other}"
            )));
        }
    };
    Ok(JValue::from(digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `$parse(text)` parses the text as JSON.
fn parse(arguments: &[JValue]) -> HostFnResult {
    match arguments {
        [text] if text.is_undefined() => Ok(JValue::Undefined),
        [JValue::String(text)] => {
            JValue::from_json_str(text).map_err(|error| fault(format!("$parse expects JSON text: {error}")))
        }
        _ => Err(fault("$parse expects one string")),
    }
}
