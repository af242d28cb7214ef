//! What an operator can set: one declaration per setting, read from flags, environment and file.
//! Owns names, meanings, units, defaults and bounds. Never read by a machine at run time: machines
//! get the few values they need when they are made. Driven by `cli`.

mod address;
mod foreign;
mod load;
mod setting;
mod settings;

pub use address::AddressError;
pub use address::ListenerAddress;
pub use foreign::FOREIGN;
pub use foreign::Foreign;
pub use load::ConfigError;
pub use load::Loaded;
pub use load::Source;
pub use load::Sources;
pub use load::load;
pub use setting::Bytes;
pub use setting::Choice;
pub use setting::Setting;
pub use settings::Advertise;
pub use settings::Compression;
pub use settings::Config;
pub use settings::GroupAssignor;
pub use settings::GroupMigration;
pub use settings::SETTINGS;
pub use settings::TimestampType;

#[cfg(test)]
mod tests;
