//! The macro that turns the description of an API into its types and their codec.
//!
//! ```text
//! api! {
//!     /// What the API is for, and what its versions brought.
//!     Metadata = 3, versions 0..=13, flexible 9;
//!
//!     request MetadataRequest {
//!         topics: Option<Vec<MetadataRequestTopic>>, 0.., null 1..;
//!         allow_auto_topic_creation: bool, 4.., default true;
//!     }
//!     struct MetadataRequestTopic {
//!         topic_id: TopicId, 10.., ignorable;
//!         name: Option<String>, 0.., null 10..;
//!     }
//!     response MetadataResponse { … }
//!     struct …
//! }
//! ```
//!
//! A field is `name: Type, versions [, null versions] [, default value] [, tag n] [, ignorable];`.
//! The words mean what they mean in Kafka's message definitions:
//! * a field is on the wire in its `versions` only; elsewhere decoding leaves its default;
//! * `null`: the versions in which it may be null. A field with `null` is an `Option`;
//! * `default`: otherwise 0, false, empty, all fields of a struct at their defaults;
//! * `tag`: the field is a tagged field in all its versions, and not written when it has its default;
//! * `ignorable`: in a version that lacks the field, a value other than the default is left out
//!   silently. Without the word writing it is an error, so that a request never loses its meaning.
//!
//! Every struct keeps unknown tagged fields. `flexible` is the first version with compact lengths
//! and tagged fields, `i16::MAX` where there is none.

/// The pieces of a field's code that depend on what its description says and leaves out.
macro_rules! api_field {
    (@initial $ty:ty, []) => { <$ty as $crate::kafka::wire::Field>::initial() };
    (@initial $ty:ty, [$default:expr]) => { $default };

    (@nullable $version:expr, []) => { false };
    (@nullable $version:expr, [$null:expr]) => { ($null).contains(&$version) };

    // Fields outside the tagged section.
    (@floor $floor:ident, $form:ident, $ty:ty, $versions:expr, [$($null:expr)?], [$tag:literal]) => {};
    (@floor $floor:ident, $form:ident, $ty:ty, $versions:expr, [$($null:expr)?], []) => {
        if ($versions).contains(&$form.version) {
            let nullable = api_field!(@nullable $form.version, [$($null)?]);
            $floor += <$ty as $crate::kafka::wire::Field>::floor($form.nullable(nullable));
        }
    };
    (@read $place:expr, $reader:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], [$tag:literal]) => {};
    (@read $place:expr, $reader:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], []) => {
        if ($versions).contains(&$form.version) {
            let nullable = api_field!(@nullable $form.version, [$($null)?]);
            $place = <$ty as $crate::kafka::wire::Field>::read($reader, $form.nullable(nullable))
                .map_err(|error| error.within($path))?;
        }
    };
    (@write $place:expr, $writer:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], $default:tt, [$tag:literal], $ignorable:tt) => {
        if !($versions).contains(&$form.version) {
            api_field!(@lacking $place, $path, $ty, $default, $ignorable);
        }
    };
    (@write $place:expr, $writer:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], $default:tt, [], $ignorable:tt) => {
        if ($versions).contains(&$form.version) {
            let nullable = api_field!(@nullable $form.version, [$($null)?]);
            $crate::kafka::wire::Field::write(&$place, $writer, $form.nullable(nullable))
                .map_err(|error| error.within($path))?;
        } else {
            api_field!(@lacking $place, $path, $ty, $default, $ignorable);
        }
    };
    (@lacking $place:expr, $path:expr, $ty:ty, $default:tt, [ignorable]) => {};
    (@lacking $place:expr, $path:expr, $ty:ty, $default:tt, []) => {
        if $place != api_field!(@initial $ty, $default) {
            let error = $crate::kafka::wire::EncodeError::new($crate::kafka::wire::Refusal::Lacking);
            return Err(error.within($path));
        }
    };

    // Tagged fields.
    (@read_tag $place:expr, $reader:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], [], $entered:ident) => {};
    (@read_tag $place:expr, $reader:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], [$tag:literal], $entered:ident) => {
        if $entered.0 == $tag && ($versions).contains(&$form.version) {
            let nullable = api_field!(@nullable $form.version, [$($null)?]);
            $place = <$ty as $crate::kafka::wire::Field>::read($reader, $form.tagged(nullable))
                .map_err(|error| error.within($path))?;
            $crate::kafka::wire::TagReader::leave($reader, $entered.1)
                .map_err(|error| error.within($path))?;
            continue;
        }
    };
    (@count_tag $place:expr, $form:ident, $ty:ty, $versions:expr, $default:tt, [], $known:ident) => {};
    (@count_tag $place:expr, $form:ident, $ty:ty, $versions:expr, $default:tt, [$tag:literal],
     $known:ident) => {
        if ($versions).contains(&$form.version) && $place != api_field!(@initial $ty, $default) {
            $known += 1;
        }
    };
    (@write_tag $place:expr, $writer:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], $default:tt, [], $tags:ident) => {};
    (@write_tag $place:expr, $writer:ident, $form:ident, $path:expr, $ty:ty, $versions:expr,
     [$($null:expr)?], $default:tt, [$tag:literal], $tags:ident) => {
        if ($versions).contains(&$form.version) {
            $tags.advance($writer, $tag).map_err(|error| error.within($path))?;
            if $place != api_field!(@initial $ty, $default) {
                let nullable = api_field!(@nullable $form.version, [$($null)?]);
                $writer.uvarint($tag);
                let start = $writer.len();
                $crate::kafka::wire::Field::write(&$place, $writer, $form.tagged(nullable))
                    .and_then(|()| $writer.prefix_length(start))
                    .map_err(|error| error.within($path))?;
            }
        }
    };
}

/// One struct of a message, and its codec.
macro_rules! api_struct {
    ($(#[$about:meta])* $name:ident { $(
        $(#[$note:meta])*
        $field:ident : $ty:ty, $versions:expr
        $(, null $null:expr)?
        $(, default $default:expr)?
        $(, tag $tag:literal)?
        $(, ignorable $($never:literal)?)?
        ;
    )* }) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $name {
            $( $(#[$note])* pub $field: $ty, )*
            /// Tagged fields that the decoded version does not know.
            pub unknown_tags: $crate::kafka::wire::UnknownTags,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: api_field!(@initial $ty, [$($default)?]), )*
                    unknown_tags: Default::default(),
                }
            }
        }

        #[allow(unused_mut, reason = "a struct may have no fields in the section")]
        impl $crate::kafka::wire::Field for $name {
            fn initial() -> Self {
                Self::default()
            }

            fn floor(form: $crate::kafka::wire::Form) -> usize {
                let mut floor = usize::from(form.flexible);
                $( api_field!(@floor floor, form, $ty, $versions, [$($null)?], [$($tag)?]); )*
                floor
            }

            fn read(
                reader: &mut $crate::kafka::wire::Reader,
                form: $crate::kafka::wire::Form,
            ) -> Result<Self, $crate::kafka::wire::DecodeError> {
                let mut message = Self::default();
                $( api_field!(
                    @read message.$field, reader, form,
                    concat!(stringify!($name), ".", stringify!($field)),
                    $ty, $versions, [$($null)?], [$($tag)?]
                ); )*
                if form.flexible {
                    message.read_tags(reader, form).map_err(|error| error.within(stringify!($name)))?;
                }
                Ok(message)
            }

            fn write(
                &self,
                writer: &mut $crate::kafka::wire::Writer,
                form: $crate::kafka::wire::Form,
            ) -> Result<(), $crate::kafka::wire::EncodeError> {
                $( api_field!(
                    @write self.$field, writer, form,
                    concat!(stringify!($name), ".", stringify!($field)),
                    $ty, $versions, [$($null)?], [$($default)?], [$($tag)?],
                    [$(ignorable $($never)?)?]
                ); )*
                if form.flexible {
                    return self.write_tags(writer, form);
                }
                if self.unknown_tags.is_empty() {
                    return Ok(());
                }
                let error = $crate::kafka::wire::EncodeError::new($crate::kafka::wire::Refusal::Tag);
                Err(error.within(stringify!($name)))
            }
        }

        #[allow(unused_mut, reason = "a struct may have no tagged fields")]
        impl $name {
            fn read_tags(
                &mut self,
                reader: &mut $crate::kafka::wire::Reader,
                form: $crate::kafka::wire::Form,
            ) -> Result<(), $crate::kafka::wire::DecodeError> {
                let _ = form;
                let mut tags = $crate::kafka::wire::TagReader::open(reader)?;
                while let Some(entered) = tags.next(reader)? {
                    $( api_field!(
                        @read_tag self.$field, reader, form,
                        concat!(stringify!($name), ".", stringify!($field)),
                        $ty, $versions, [$($null)?], [$($tag)?], entered
                    ); )*
                    $crate::kafka::wire::TagReader::keep(reader, entered, &mut self.unknown_tags)?;
                }
                Ok(())
            }

            fn write_tags(
                &self,
                writer: &mut $crate::kafka::wire::Writer,
                form: $crate::kafka::wire::Form,
            ) -> Result<(), $crate::kafka::wire::EncodeError> {
                let _ = form;
                let mut known = 0;
                $( api_field!(
                    @count_tag self.$field, form, $ty, $versions, [$($default)?], [$($tag)?], known
                ); )*
                let mut tags =
                    $crate::kafka::wire::TagWriter::open(writer, known, &self.unknown_tags)
                        .map_err(|error| error.within(stringify!($name)))?;
                $( api_field!(
                    @write_tag self.$field, writer, form,
                    concat!(stringify!($name), ".", stringify!($field)),
                    $ty, $versions, [$($null)?], [$($default)?], [$($tag)?], tags
                ); )*
                tags.finish(writer).map_err(|error| error.within(stringify!($name)))
            }
        }

        /// A struct that can be null has a byte in front: 1, or -1 for null; 0 in a tagged field.
        impl $crate::kafka::wire::Nullable for $name {
            fn floor_nullable(_: $crate::kafka::wire::Form) -> usize {
                1
            }

            fn read_nullable(
                reader: &mut $crate::kafka::wire::Reader,
                form: $crate::kafka::wire::Form,
            ) -> Result<Option<Self>, $crate::kafka::wire::DecodeError> {
                let mark = reader.i8()?;
                if mark < 0 || (mark == 0 && form.tagged) {
                    return Ok(None);
                }
                <Self as $crate::kafka::wire::Field>::read(reader, form).map(Some)
            }

            fn write_some(
                &self,
                writer: &mut $crate::kafka::wire::Writer,
                form: $crate::kafka::wire::Form,
            ) -> Result<(), $crate::kafka::wire::EncodeError> {
                writer.i8(1);
                $crate::kafka::wire::Field::write(self, writer, form)
            }

            fn write_null(
                writer: &mut $crate::kafka::wire::Writer,
                form: $crate::kafka::wire::Form,
            ) -> Result<(), $crate::kafka::wire::EncodeError> {
                writer.i8(if form.tagged { 0 } else { -1 });
                Ok(())
            }
        }
    };
}

/// One API: its request, its response, and the structs in them. See the module's page.
macro_rules! api {
    (
        $(#[$about:meta])*
        $api:ident = $key:literal, versions $min:literal ..= $max:literal, flexible $flexible:expr;

        request $request:ident { $($request_fields:tt)* }
        $( $(#[$asked_about:meta])* struct $asked:ident { $($asked_fields:tt)* } )*
        response $response:ident { $($response_fields:tt)* }
        $( $(#[$told_about:meta])* struct $told:ident { $($told_fields:tt)* } )*
    ) => {
        #[allow(unused_imports, reason = "not every API has a field of each type")]
        use $crate::kafka::wire::field_types::*;

        api_struct! { $(#[$about])* $request { $($request_fields)* } }
        $( api_struct! { $(#[$asked_about])* $asked { $($asked_fields)* } } )*
        api_struct! {
            #[doc = concat!("The answer to [`", stringify!($request), "`].")]
            $response { $($response_fields)* }
        }
        $( api_struct! { $(#[$told_about])* $told { $($told_fields)* } } )*

        impl $crate::kafka::wire::Message for $request {
            const NAME: &'static str = stringify!($request);
            const API: $crate::kafka::versions::ApiKey = $crate::kafka::versions::ApiKey::$api;
            const VERSIONS: std::ops::RangeInclusive<i16> = $min..=$max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }

        impl $crate::kafka::wire::Message for $response {
            const NAME: &'static str = stringify!($response);
            const API: $crate::kafka::versions::ApiKey = $crate::kafka::versions::ApiKey::$api;
            const VERSIONS: std::ops::RangeInclusive<i16> = $min..=$max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }

        impl $crate::kafka::wire::Request for $request {
            type Response = $response;
        }

        const _: () = assert!($crate::kafka::versions::ApiKey::$api as i16 == $key);
    };
}
