//! The wire codec against its oracles, and against hostile bytes. See `tests/oracle/README.md`.

#[macro_use]
mod facts;
mod apis;
mod allocation;
mod generator;
mod hostile;
mod java;
mod peer;
mod records;
mod tree;
