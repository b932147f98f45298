//! One agency's node for one program: the case store, the ledger, the gate and the clock, and the two deeds that
//! everything else is made of: deciding, and recording.
//!
//! Whatever is decided is recorded before anybody acts on it. When the ledger cannot be written the answer is a refusal
//! (floor F9), and the refusal is recorded once it can be.

use crate::clock::{self, Clock};
use crate::event::{Decided, Event};
use crate::{Error, outbox};
use agreement::{Answer as _, Decision, Filed, Gate, Permit, Refusal, Request};
use casework::{Sqlite, Store};
use jiff::Timestamp;
use ledger::{Commitments, Directory, Disk, Leaf, Log, Name, Recorded, Signer};
use std::path::{Path, PathBuf};
