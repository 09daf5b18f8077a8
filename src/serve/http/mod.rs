//! HTTP/1 on a blocking connection, read and written byte for byte as Gunicorn's sync worker does.
//!
//! `head` reads a request head with Gunicorn's limits and rejections, `reply` writes answers and
//! Gunicorn's own error pages. Nothing here knows of processes, signals or the application.

pub mod head;
pub mod rejection;
pub mod reply;
