//! Pages over a lake, for a browser on the same machine: its runs, its recordings, SQL.
//!
//! [`serve`] answers on the loopback interface only. It reads the journal and the tables, and writes what people annotate and, below
//! `inbox`, the files that they drop. What is to be done (redrive, rerun, upload) it asks of [`Actions`], which the command line
//! implements. `guard.rs` says who may ask.

mod actions;
mod assets;
mod chrome;
mod cohort;
mod course;
mod events;
mod graph;
mod guard;
mod jobs;
pub mod paper;
mod query;
mod recording;
mod run;
mod runs;
mod server;
mod time;
mod upload;

pub use actions::{Actions, Done, Remote};
pub use run::run_html;
pub use server::{Console, serve};
pub use upload::sweep as sweep_inbox;
