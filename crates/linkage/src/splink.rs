//! Models to and from Splink: its settings in, a model and a list of differences out, and back.
//!
//! Beside the path: nothing here sees a record, but for [`train`], which learns as Splink does so that its results can be
//! worked out again. An import keeps what the settings mean to the bit: conditions that Splink's library writes become
//! levels, the others become expressions, and whatever the two programs do differently is reported. Nothing is guessed.
//! It runs no SQL and reads no file.
//!
//! What Splink does is taken from its [documentation](https://moj-analytical-services.github.io/splink/), its settings
//! and what version 5.0.0 on DuckDB 1.5.6 was seen to do.

mod adjustment;
mod condition;
mod difference;
mod export;
mod expression;
mod import;
mod prepared;
mod rule;
mod settings;
mod shape;
mod sql;
mod training;
mod value;

pub use difference::{Changes, Difference};
pub use export::{Exported, export};
pub use import::{ImportOptions, Imported, import};
pub use training::{Session, Trained, Training, prior, train};
