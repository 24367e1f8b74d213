//! Checks of foreign entries at each write of the operator to a bucket.

use std::time::Duration;

use lambda_triggers_core::ownership::OwnEntryId;

use crate::sim::aws::{BaseRead, DocumentWrite, Writer};
use crate::sim::run::owner;

/// The maximum age of the read on which a write depends.
const MAX_READ_AGE: Duration = Duration::from_secs(1);

/// Checks each write of a bucket's document, and returns the number of lost foreign writes. S3 has no conditional
/// write. A foreign write between the operator's read and the operator's write is lost, and no client can prevent this
/// loss.
///
/// # Errors
/// A write without the foreign entries of the operator's last read, or a write after an old read.
pub fn windows(writes: &[DocumentWrite]) -> Result<usize, String> {
    let mut windows = 0;
    for write in writes.iter().filter(|write| write.by == Writer::Operator) {
        let DocumentWrite { bucket, at, before, after, based_on, .. } = write;
        let Some(BaseRead { document, read_at, sent_at }) = based_on else {
            return Err(format!("{bucket} was written at {at:?} without a read:\n{after}"));
        };
        if *sent_at > *read_at + MAX_READ_AGE {
            return Err(format!("{bucket} was written at {sent_at:?} from a read at {read_at:?}"));
        }
        let (seen, written) = (Parts::from_xml(document), Parts::from_xml(after));
        if !seen.kept_in(&written) {
            return Err(format!("at {at:?}, {bucket} was\n{document}\nand the operator wrote\n{after}"));
        }
        windows += usize::from(Parts::from_xml(before).foreign != seen.foreign);
    }
    Ok(windows)
}

/// The parsed parts of a document.
#[derive(Debug)]
struct Parts {
    /// The foreign elements in order, each with the function of the entry.
    foreign: Vec<(String, Option<String>)>,
    /// The functions of our own entries.
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

    /// True if `after` has all foreign elements in the same order, byte for byte. The operator may have adopted an
    /// entry for a function that one of our own entries names.
    fn kept_in(&self, after: &Self) -> bool {
        let mut kept = after.foreign.iter().peekable();
        for part in &self.foreign {
            let adopted = || part.1.as_ref().is_some_and(|function| after.functions.contains(function));
            if kept.next_if_eq(&part).is_none() && !adopted() {
                return false;
            }
        }
        kept.next().is_none()
    }
}
