//! Pages over a lake, for a browser on the same machine: its runs, its recordings, SQL.
//!
//! [`serve`] answers on the loopback interface only. It reads the journal and the tables, and changes nothing: what is to be
//! done (redrive, rerun, upload) it asks of [`Actions`], which the command line implements. `guard.rs` says who may ask.

mod actions;
mod assets;
mod chrome;
mod course;
mod events;
mod graph;
mod guard;
mod jobs;
mod recording;
mod runs;
mod server;
mod time;

pub use actions::{Actions, Done, Upload};
pub use server::{Console, serve};
