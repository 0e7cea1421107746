//! How fast a file is read: `cargo run --release -p ecg-mat --example inflate_speed -- FILE [TIMES]`.
//! Prints the best time in milliseconds to stream every numeric variable of the file.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool for developers"
)]

use std::fs::File;
use std::ops::ControlFlow;
use std::time::Instant;

use ecg_mat::{Limits, MatError, MatFile, Values};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap();
    let times: usize = arguments.next().map_or(1, |times| times.parse().unwrap());
    let (mut best, mut sum, mut count) = (f64::INFINITY, 0_i64, 0);
    for _ in 0..times {
        let start = Instant::now();
        (sum, count) = read(&path).unwrap();
        best = best.min(start.elapsed().as_secs_f64() * 1000.0);
    }
    println!("{best:.3} ms, {count} values, int16 sum {sum}");
}

fn read(path: &str) -> Result<(i64, usize), MatError> {
    let mut file = MatFile::open(File::open(path).map_err(MatError::Io)?, Limits::default())?;
    let (mut sum, mut count) = (0, 0);
    for index in 0..file.variables().len() {
        if file.variables()[index].class.number_type().is_some() {
            file.read(index, &mut |values| {
                count += values.len();
                if let Values::I16(block) = values {
                    sum += block.iter().map(|value| i64::from(*value)).sum::<i64>();
                }
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok((sum, count))
}
