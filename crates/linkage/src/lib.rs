#![doc = include_str!("../README.md")]

mod block;
pub mod calibrate;
pub mod compare;
mod digest;
mod error;
pub mod estimate;
pub mod evaluate;
mod explain;
mod frequency;
mod kin;
mod labels;
mod link;
mod maximise;
pub mod model;
mod observe;
mod one_to_one;
mod pattern;
pub mod prepare;
mod random;
mod record;
mod rivals;
mod score;

pub mod synth;
mod tables;
pub mod threshold;
pub mod train;
pub mod uncertainty;

pub use block::{Blocked, Blocks, RuleCount};
pub use digest::Digest;
pub use error::{Error, Result};
pub use explain::{Explanation, KIN, Part, explain};
pub use frequency::Frequencies;
pub use labels::{same_by_id, with_m_from_labels};
pub use link::{Links, Pair, Progress, link};
pub use model::{Expectation, KinClass, Link, Model, Recipe, TrainingRecord};
pub use one_to_one::{Settled, settle};
pub use pattern::Pattern;
pub use record::{RecordRef, Side};
pub use score::{Scorer, probability, weight_of};
pub use tables::{Missing, Table, Tables};
pub use train::train;
