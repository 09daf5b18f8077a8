//! The lab application: one axum `Router` that knows nothing of processes or platforms.

pub mod pool;
