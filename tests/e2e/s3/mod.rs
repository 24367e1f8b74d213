//! `S3TriggeredFunction` on the real API server and the strict local AWS: creation, changes, drift, faults and
//! deletion.

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
mod foreign_destinations;
mod legacy;
mod missing;
mod refused_entries;
mod region_and_owner;
mod retained;
mod sharing;
mod unparsable;
mod view;
