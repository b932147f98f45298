//! The operators' form on the wire.
//!
//! Beside the path: what lets a plan run elsewhere. Protocol Buffers, as DataFusion's own operators are written, and with
//! the same two calls as its `PhysicalExtensionCodec`, so that a cluster's codec only has to pass them on. What is written of
//! [`LinkExec`] is the model's digest and what is to come out; of [`BlockExec`] its step. Inputs travel beside. Bytes from
//! elsewhere are never trusted: whatever they are, reading them gives an operator or a named error.
//!
//! Field numbers are for ever; a new meaning takes a new number. [Protocol Buffers, language
//! guide](https://protobuf.dev/programming-guides/proto3/#updating).

use std::sync::Arc;

use datafusion_physical_plan::ExecutionPlan;
use prost::Message;

use super::assign::{Assignment, Tiles};
use super::block_exec::{BlockExec, BlockStep};
use super::failed;
use super::link_exec::{LinkExec, ModelSource, Output};
use crate::{Digest, Error, Result};

/// Writes and reads the operators of this crate.
#[derive(Debug)]
pub struct PlanCodec {
    models: Arc<dyn ModelSource>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorMessage {
    #[prost(oneof = "OperatorKind", tags = "1, 2, 3, 4")]
    kind: Option<OperatorKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OperatorKind {
    #[prost(message, tag = "1")]
    Keys(Nothing),
    #[prost(message, tag = "2")]
    Count(Nothing),
    #[prost(message, tag = "3")]
    Assign(AssignMessage),
    #[prost(message, tag = "4")]
    Link(LinkMessage),
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct AssignMessage {
    #[prost(bool, tag = "1")]
    within: bool,
    #[prost(uint64, tag = "2")]
    units: u64,
    #[prost(uint32, repeated, tag = "3")]
    bundles: Vec<u32>,
    #[prost(fixed64, repeated, tag = "4")]
    known: Vec<u64>,
    #[prost(message, repeated, tag = "5")]
    large: Vec<LargeMessage>,
    #[prost(uint64, tag = "6")]
    largest_pairs: u64,
    #[prost(uint64, tag = "7")]
    all_pairs: u64,
}

#[derive(Clone, PartialEq, Message)]
struct LargeMessage {
    #[prost(uint32, tag = "1")]
    layer: u32,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(uint64, tag = "3")]
    first: u64,
    #[prost(uint32, tag = "4")]
    left: u32,
    #[prost(uint32, tag = "5")]
    right: u32,
}

#[derive(Clone, PartialEq, Message)]
struct LinkMessage {
    #[prost(bytes = "vec", tag = "1")]
    digest: Vec<u8>,
    /// The least weight of a pair; without it, patterns are counted.
    #[prost(double, optional, tag = "2")]
    least: Option<f64>,
}

impl PlanCodec {
    /// Takes where models are found.
    pub fn new(models: Arc<dyn ModelSource>) -> Self {
        Self { models }
    }

    /// Writes one operator, without its input; says whether it is one of this crate's.
    pub fn try_encode(&self, operator: &Arc<dyn ExecutionPlan>, bytes: &mut Vec<u8>) -> bool {
        let kind = if let Some(link) = operator.downcast_ref::<LinkExec>() {
            OperatorKind::Link(LinkMessage {
                digest: link.digest().as_bytes().to_vec(),
                least: match link.output() {
                    Output::Pairs(least) => Some(least),
                    Output::Patterns => None,
                },
            })
        } else if let Some(block) = operator.downcast_ref::<BlockExec>() {
            match block.step() {
                BlockStep::Keys => OperatorKind::Keys(Nothing {}),
                BlockStep::Count => OperatorKind::Count(Nothing {}),
                BlockStep::Assign(assignment) => OperatorKind::Assign(written(assignment)),
            }
        } else {
            return false;
        };
        bytes.extend(OperatorMessage { kind: Some(kind) }.encode_to_vec());
        true
    }

    /// Reads one operator and puts it after its input.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadablePlan`] for bytes that are none, [`Error::UnknownModel`], and [`Error::FailedPlan`] where the
    /// input isn't what the operator takes.
    pub fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message =
            OperatorMessage::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
        let [input] = inputs else {
            return Err(unreadable("an operator takes one input".to_owned()));
        };
        let input = Arc::clone(input);
        let step =
            match message.kind.ok_or_else(|| unreadable("it names no operator".to_owned()))? {
                OperatorKind::Keys(Nothing {}) => BlockStep::Keys,
                OperatorKind::Count(Nothing {}) => BlockStep::Count,
                OperatorKind::Assign(assign) => BlockStep::Assign(Arc::new(read(assign)?)),
                OperatorKind::Link(link) => {
                    let digest: [u8; 32] = link
                        .digest
                        .try_into()
                        .map_err(|_| unreadable("a digest is 32 bytes".to_owned()))?;
                    let output = link.least.map_or(Output::Patterns, Output::Pairs);
                    if matches!(output, Output::Pairs(least) if least.is_nan()) {
                        return Err(unreadable("the least weight is no number".to_owned()));
                    }
                    let link =
                        LinkExec::try_new(&*self.models, Digest::from_bytes(digest), output, input);
                    return Ok(Arc::new(link.map_err(failed)?));
                }
            };
        Ok(Arc::new(BlockExec::try_new(step, input).map_err(failed)?))
    }
}

fn unreadable(problem: String) -> Error {
    Error::UnreadablePlan { problem }
}

fn written(assignment: &Assignment) -> AssignMessage {
    let large = assignment.large.iter().map(|((layer, key), tiles)| LargeMessage {
        layer: u32::from(*layer),
        key: key.to_vec(),
        first: tiles.first,
        left: tiles.left,
        right: tiles.right,
    });
    AssignMessage {
        within: assignment.within,
        units: assignment.units,
        bundles: assignment.bundles.clone(),
        known: assignment.known.clone(),
        large: large.collect(),
        largest_pairs: assignment.largest_pairs,
        all_pairs: assignment.all_pairs,
    }
}

fn read(message: AssignMessage) -> Result<Assignment> {
    let mut large = std::collections::BTreeMap::new();
    for block in message.large {
        let layer = u16::try_from(block.layer)
            .map_err(|_| unreadable("there is no such layer".to_owned()))?;
        let key = block.key.try_into().map_err(|_| unreadable("a key is 16 bytes".to_owned()))?;
        let most = u32::try_from(super::assign::MOST_PARTS).unwrap_or(u32::MAX);
        let sound = (1..=most).contains(&block.left)
            && (1..=most).contains(&block.right)
            && block.first.checked_add(u64::from(most) * u64::from(most)).is_some();
        if !sound {
            return Err(unreadable("a block is cut into no parts, or too many".to_owned()));
        }
        large.insert(
            (layer, key),
            Tiles { first: block.first, left: block.left, right: block.right },
        );
    }
    Ok(Assignment {
        within: message.within,
        units: message.units,
        bundles: message.bundles,
        known: message.known,
        large,
        largest_pairs: message.largest_pairs,
        all_pairs: message.all_pairs,
    })
}

#[cfg(test)]
mod tests {
    use datafusion_physical_plan::empty::EmptyExec;
    use proptest::prelude::*;

    use super::super::SMALL_MODEL;
    use super::*;
    use crate::Model;
    use crate::plan::assign::Tally;

    fn model() -> Arc<Model> {
        Arc::new(Model::from_toml(SMALL_MODEL).unwrap())
    }

    fn rows() -> Arc<dyn ExecutionPlan> {
        Arc::new(EmptyExec::new(super::super::rows::row_schema(&model())))
    }

    fn again(operator: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let codec = PlanCodec::new(Arc::new(model()));
        let mut bytes = Vec::new();
        assert!(codec.try_encode(operator, &mut bytes));
        let inputs: Vec<_> = operator.children().into_iter().cloned().collect();
        codec.try_decode(&bytes, &inputs).unwrap()
    }

    proptest! {
        #[test]
        fn an_assignment_comes_back_as_it_went(
            blocks in prop::collection::vec((any::<u16>(), any::<[u8; 16]>(), 0u64..9_000, 0u64..9_000), 0..40),
            within: bool, unit_pairs in 1u64..1 << 24,
        ) {
            let mut tally = Tally::new(within, 100);
            for (layer, key, sources, recipients) in blocks {
                tally.add((layer, key), sources, recipients);
            }
            if let Ok(assignment) = tally.assign(unit_pairs, 8, |_| String::new()) {
                let step = BlockStep::Assign(Arc::new(assignment));
                let operator: Arc<dyn ExecutionPlan> = Arc::new(BlockExec::try_new(step.clone(), rows()).unwrap());
                let back = again(&operator);
                prop_assert_eq!(back.downcast_ref::<BlockExec>().unwrap().step(), &step);
            }
        }

        #[test]
        fn any_bytes_are_an_operator_or_an_error(bytes: Vec<u8>) {
            let codec = PlanCodec::new(Arc::new(model()));
            let _ = codec.try_decode(&bytes, &[rows()]);
        }

        #[test]
        fn spoilt_bytes_of_an_operator_are_an_operator_or_an_error(place: prop::sample::Index, with: u8) {
            let codec = PlanCodec::new(Arc::new(model()));
            let mut tally = Tally::new(false, 1);
            tally.add((0, [7; 16]), 3_000, 3_000);
            let assignment = tally.assign(1 << 16, 1, |_| String::new()).unwrap();
            let step = BlockStep::Assign(Arc::new(assignment));
            let operator: Arc<dyn ExecutionPlan> = Arc::new(BlockExec::try_new(step, rows()).unwrap());
            let mut bytes = Vec::new();
            codec.try_encode(&operator, &mut bytes);
            let place = place.index(bytes.len());
            bytes[place] = with;
            let _ = codec.try_decode(&bytes, &[rows()]);
        }
    }

    #[test]
    fn each_operator_comes_back_as_it_went() {
        let keys: Arc<dyn ExecutionPlan> =
            Arc::new(BlockExec::try_new(BlockStep::Keys, rows()).unwrap());
        assert_eq!(again(&keys).name(), "KeysExec");
        let count: Arc<dyn ExecutionPlan> =
            Arc::new(BlockExec::try_new(BlockStep::Count, keys).unwrap());
        assert_eq!(again(&count).name(), "CountExec");
        let assignment = Tally::new(false, 1).assign(1, 1, |_| String::new()).unwrap();
        let assigned: Arc<dyn ExecutionPlan> =
            Arc::new(BlockExec::try_new(BlockStep::Assign(Arc::new(assignment)), rows()).unwrap());
        for output in [Output::Pairs(-1.5), Output::Pairs(f64::NEG_INFINITY), Output::Patterns] {
            let digest = model().digest().unwrap();
            let link = LinkExec::try_new(&model(), digest, output, Arc::clone(&assigned)).unwrap();
            let back = again(&(Arc::new(link) as Arc<dyn ExecutionPlan>));
            let back = back.downcast_ref::<LinkExec>().unwrap();
            assert_eq!((back.digest(), back.output()), (digest, output));
        }
    }

    #[test]
    fn a_plan_of_a_model_that_is_not_here_is_refused_by_its_digest() {
        let other = Digest::from_bytes([7; 32]);
        let link = LinkMessage { digest: other.as_bytes().to_vec(), least: None };
        let bytes = OperatorMessage { kind: Some(OperatorKind::Link(link)) }.encode_to_vec();
        let refused = PlanCodec::new(Arc::new(model())).try_decode(&bytes, &[rows()]);
        assert!(matches!(refused, Err(Error::UnknownModel { digest }) if digest == other));
    }
}
