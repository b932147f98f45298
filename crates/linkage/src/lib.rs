#![doc = include_str!("../README.md")]

mod block;
mod cell;
pub mod compare;
mod dictionary;
mod digest;
mod error;
mod explain;
mod expression;
mod frequency;
mod fuse;
mod intake;
mod keys;
mod kin;
mod link;
mod min_hash;
pub mod model;
mod observe;
mod one_to_one;
mod parallel;
mod pattern;
pub mod plan;
pub mod prepare;
mod random;
mod record;
mod score;

pub mod synth;
mod tables;
pub mod threshold;
pub mod train;

pub use block::{Blocked, Blocks, RuleCount};
pub use digest::Digest;
pub use error::{Error, Result};
pub use explain::{Explanation, Part, explain};
pub use frequency::Frequencies;
pub use intake::Intake;
pub use kin::{Kin, KinClass};
pub use link::{Detail, Links, Pair, Progress, link, link_in_detail};
pub use model::{Expectation, Link, Model, Recipe, TrainingRecord};
pub use one_to_one::{Settled, settle};
pub use pattern::Pattern;
pub use record::{RecordRef, Side};
pub use score::{Scorer, probability, weight_of};
pub use tables::{Missing, Table, Tables};
pub use train::train;
