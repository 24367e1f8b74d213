//! What others have in buckets, at each write of the operator to one.

use std::time::Duration;

use lambda_triggers_core::ownership::OwnEntryId;

use crate::sim::aws::{BaseRead, DocumentWrite, Writer};
use crate::sim::run::owner;

/// The operator writes on the ground of what it was told no longer ago than this.
const FRESH: Duration = Duration::from_secs(1);

/// Judges every write to a document. S3 has no conditional write, so what others write between the answer to the
/// operator's read and its write taking effect is lost: the one window that no client can close. How often that happened is
/// returned.
///
/// # Errors
/// What others had when the operator looked, and it did not write as it was; or a write that was sent on the ground of an
/// old look.
pub fn windows(writes: &[DocumentWrite]) -> Result<usize, String> {
    let mut windows = 0;
    for write in writes.iter().filter(|write| write.by == Writer::Operator) {
        let DocumentWrite { bucket, at, before, after, based_on, .. } = write;
        let Some(BaseRead { document, read_at, sent_at }) = based_on else {
            return Err(format!("{bucket} was written at {at:?} without a look at it:\n{after}"));
        };
        if *sent_at > *read_at + FRESH {
            return Err(format!("{bucket} was written at {sent_at:?} from a read at {read_at:?}"));
        }
        let (seen, written) = (Parts::from_xml(document), Parts::from_xml(after));
        if !seen.kept_in(&written) {
            return Err(format!("at {at:?}, {bucket} was\n{document}\nand the operator made of it\n{after}"));
        }
        windows += usize::from(Parts::from_xml(before).foreign != seen.foreign);
    }
    Ok(windows)
}

/// A document, taken apart.
#[derive(Debug)]
struct Parts {
    /// What others have, in order, each with the function that it is for, if it is for one.
    foreign: Vec<(String, Option<String>)>,
    /// The functions that entries of ours are for.
    functions: Vec<String>,
}

impl Parts {
    fn from_xml(xml: &str) -> Self {
        let mut parts = Self { foreign: vec![], functions: vec![] };
        let tree = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        for node in tree.root_element().children() {
            let text = |name: &str| {
                let found = node.children().find(|child| child.tag_name().name() == name);
                found.and_then(|child| child.text()).map(ToOwned::to_owned)
            };
            let function = text("CloudFunction");
            let own = text("Id").is_some_and(|id| OwnEntryId::parse(&owner(), &id).is_some());
            match function {
                Some(function) if own => parts.functions.push(function),
                function => parts.foreign.push((xml[node.range()].to_owned(), function)),
            }
        }
        parts
    }

    /// Whether all that others have here is there, byte for byte and in this order. An entry for a function that an entry
    /// of ours is for may have been taken over.
    fn kept_in(&self, after: &Self) -> bool {
        let mut there = after.foreign.iter().peekable();
        for part in &self.foreign {
            let taken = || part.1.as_ref().is_some_and(|function| after.functions.contains(function));
            if there.next_if_eq(&part).is_none() && !taken() {
                return false;
            }
        }
        there.next().is_none()
    }
}
