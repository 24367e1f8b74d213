//! What a real client sees of the cluster.
