//! `S3TriggeredFunction` on the real API server and the strict AWS: created, changed, healed, deleted.

mod broken;
mod changes;
mod conflicts;
mod deletion;
mod delivery;
mod denied;
mod drift;
mod example;
mod external;
mod faults;
mod foreign;
mod legacy;
mod missing;
mod place;
mod retained;
mod sharing;
mod unparsable;
mod view;
