//! The macro that makes the types and codecs of a record of description: its key, its value, and
//! the structs in them.
//!
//! ```text
//! record! {
//!     /// What the record says.
//!     GroupMetadata = 2, values 0..=4, flexible 4;
//!
//!     key GroupMetadataKey {
//!         group: String, 0..;
//!     }
//!     value GroupMetadataValue {
//!         protocol_type: String, 0..;
//!         …
//!     }
//!     struct …
//! }
//! ```
//!
//! Fields are stated as in [`crate::kafka::wire`]. Keys have one version and are never flexible:
//! a record with another key would be another record to compaction.

macro_rules! record {
    (
        $(#[$about:meta])*
        $record:ident = $id:literal, values $min:literal ..= $max:literal, flexible $flexible:expr;

        key $key:ident { $($key_fields:tt)* }
        value $value:ident { $($value_fields:tt)* }
        $( $(#[$part_about:meta])* struct $part:ident { $($part_fields:tt)* } )*
    ) => {
        #[allow(unused_imports, reason = "not every record has a field of each type")]
        use $crate::kafka::wire::field_types::*;

        api_struct! {
            #[doc = concat!("What a ", stringify!($record), " record is about.")]
            $key { $($key_fields)* }
        }
        api_struct! { $(#[$about])* $value { $($value_fields)* } }
        $( api_struct! { $(#[$part_about])* $part { $($part_fields)* } } )*

        impl $crate::kafka::group_records::RecordPart for $key {
            const NAME: &'static str = stringify!($key);
            const VERSIONS: std::ops::RangeInclusive<i16> = 0..=0;
            const FLEXIBLE_FROM: i16 = i16::MAX;
        }

        impl $crate::kafka::group_records::RecordPart for $value {
            const NAME: &'static str = stringify!($value);
            const VERSIONS: std::ops::RangeInclusive<i16> = $min..=$max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }

        impl $crate::kafka::group_records::RecordKey for $key {
            const TYPE: i16 = $id;
            type Value = $value;
        }
    };
}
