use bytes::Bytes;

use super::DecodeError;
use super::Fault;
use super::Field;
use super::Form;
use super::Message;
use super::Reader;
use super::Refusal;
use super::RequestHeader;
use super::ResponseHeader;
use super::UnknownTags;
use super::Writer;
use super::encode_request;
use super::encode_response;
use crate::kafka::messages::ApiVersionsRequest;
use crate::kafka::messages::ApiVersionsResponse;
use crate::kafka::messages::DeleteTopicsRequest;
use crate::kafka::messages::FetchRequest;
use crate::kafka::messages::MetadataRequest;
use crate::kafka::messages::MetadataRequestTopic;
use crate::kafka::versions::ApiKey;

const FLEXIBLE: Form = Form { version: 0, flexible: true, nullable: false, tagged: false };
const RIGID: Form = Form { version: 0, flexible: false, nullable: false, tagged: false };

fn reader(bytes: &[u8]) -> Reader {
    Reader::new(Bytes::copy_from_slice(bytes))
}

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer);
    writer.into_bytes().to_vec()
}

fn fault<T>(result: Result<T, DecodeError>) -> Fault {
    match result {
        Ok(_) => panic!("was read"),
        Err(error) => error.fault,
    }
}

#[test]
fn unsigned_varints_have_seven_bits_a_byte_lowest_first() {
    for (value, bytes) in [
        (0_u32, &[0x00][..]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (300, &[0xac, 0x02]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        assert_eq!(written(|writer| writer.uvarint(value)), bytes);
        assert_eq!(reader(bytes).uvarint(), Ok(value));
    }
}

#[test]
fn zigzag_varints_keep_every_sign_and_size() {
    for value in [0, -1, 1, 63, -64, 64, i32::MAX, i32::MIN] {
        let bytes = written(|writer| writer.varint(value));
        assert_eq!(reader(&bytes).varint(), Ok(value));
    }
    for value in [0, -1, 1, i64::from(i32::MIN) - 1, i64::MAX, i64::MIN] {
        let bytes = written(|writer| writer.varlong(value));
        assert_eq!(reader(&bytes).varlong(), Ok(value));
    }
    assert_eq!(written(|writer| writer.varint(-1)), [0x01]);
    assert_eq!(written(|writer| writer.varint(1)), [0x02]);
}

#[test]
fn a_varint_with_too_many_bits_is_refused() {
    assert_eq!(fault(reader(&[0xff, 0xff, 0xff, 0xff, 0x1f]).uvarint()), Fault::Varint);
    assert_eq!(fault(reader(&[0x80; 6]).uvarint()), Fault::Varint);
    assert_eq!(fault(reader(&[0xff; 11]).varlong()), Fault::Varint);
    assert_eq!(fault(reader(&[0x80]).uvarint()), Fault::Short { needed: 1, left: 0 });
}

#[test]
fn floats_uuids_and_unsigned_shorts_are_big_endian() {
    let bytes = written(|writer| 1.5_f64.write(writer, RIGID).expect("a float fits"));
    assert_eq!(bytes, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(f64::read(&mut reader(&bytes), RIGID), Ok(1.5));
    assert_eq!(u16::read(&mut reader(&[0xff, 0xfe]), RIGID), Ok(0xfffe));
    let uuid = uuid::Uuid::from_bytes([7; 16]);
    assert_eq!(uuid::Uuid::read(&mut reader(&[7; 16]), RIGID), Ok(uuid));
}

#[test]
fn strings_and_arrays_have_their_length_in_the_form_of_the_version() {
    let names = vec!["a".to_owned(), String::new()];
    let rigid = written(|writer| names.write(writer, RIGID).expect("fits"));
    assert_eq!(rigid, [0, 0, 0, 2, 0, 1, b'a', 0, 0]);
    let flexible = written(|writer| names.write(writer, FLEXIBLE).expect("fits"));
    assert_eq!(flexible, [3, 2, b'a', 1]);
    assert_eq!(Vec::<String>::read(&mut reader(&rigid), RIGID), Ok(names.clone()));
    assert_eq!(Vec::<String>::read(&mut reader(&flexible), FLEXIBLE), Ok(names));
}

#[test]
fn null_is_read_only_where_it_may_stand() {
    let nullable = Form { nullable: true, ..RIGID };
    assert_eq!(Option::<String>::read(&mut reader(&[0xff, 0xff]), nullable), Ok(None));
    assert_eq!(fault(Option::<String>::read(&mut reader(&[0xff, 0xff]), RIGID)), Fault::Null);
    assert_eq!(fault(Vec::<i8>::read(&mut reader(&[0]), FLEXIBLE)), Fault::Null);
    let mut writer = Writer::new();
    let refused = None::<String>.write(&mut writer, RIGID).expect_err("null");
    assert_eq!(refused.refusal, Refusal::Null);
}

#[test]
fn lengths_that_cannot_be_are_refused_before_memory_is_taken() {
    let below_null = fault(String::read(&mut reader(&[0xff, 0xfe, 0, 0]), RIGID));
    assert_eq!(below_null, Fault::Length(-2));
    let beyond_the_bytes = fault(Vec::<i64>::read(&mut reader(&[0x7f, 0xff, 0xff, 0xff]), RIGID));
    assert_eq!(beyond_the_bytes, Fault::Short { needed: 8 * 0x7fff_ffff, left: 0 });
    let too_long_a_string = fault(String::read(&mut reader(&[0x81, 0x80, 0x02]), FLEXIBLE));
    assert_eq!(too_long_a_string, Fault::Length(0x8000));
}

#[test]
fn a_string_that_is_not_utf8_is_refused() {
    assert_eq!(fault(String::read(&mut reader(&[3, 0xc3, 0x28]), FLEXIBLE)), Fault::Utf8);
}

#[test]
fn what_a_message_decodes_to_stays_within_its_budget() {
    let mut names = written(|writer| writer.uvarint(1001));
    names.extend([1; 1000]);
    let mut reader = Reader::with_budget(Bytes::from(names), 1000 * size_of::<String>() - 1);
    assert_eq!(fault(Vec::<String>::read(&mut reader, FLEXIBLE)), Fault::Budget);
}

#[test]
fn bytes_fields_share_the_memory_of_the_message() {
    let message = Bytes::from_static(&[4, 1, 2, 3]);
    let field = Bytes::read(&mut Reader::new(message.clone()), FLEXIBLE).expect("three bytes");
    assert_eq!(field.as_ptr(), message[1..].as_ptr());
}

#[test]
fn a_fault_names_the_innermost_field() {
    let error = MetadataRequest::decode_whole(1, Bytes::from_static(&[0, 0, 0, 1, 0, 5, b'a']))
        .expect_err("the name is cut");
    assert_eq!(error.field, "MetadataRequestTopic.name");
    assert_eq!(error.to_string(), "MetadataRequestTopic.name at byte 6: needs 5 bytes, 1 are left");
}

#[test]
fn bytes_after_the_message_are_a_fault() {
    let error = MetadataRequest::decode_whole(1, Bytes::from_static(&[0, 0, 0, 0, 9]))
        .expect_err("one byte too many");
    assert_eq!((error.field, error.fault), ("MetadataRequest", Fault::Trailing(1)));
}

#[test]
fn a_version_that_the_message_lacks_is_refused_both_ways() {
    let error = MetadataRequest::decode_whole(14, Bytes::new()).expect_err("there is none");
    assert_eq!(error.fault, Fault::Version(14));
    let refused = MetadataRequest::default().encode(-1, &mut Writer::new()).expect_err("none");
    assert_eq!(refused.refusal, Refusal::Version(-1));
}

#[test]
fn a_field_that_the_version_lacks_has_its_default() {
    let request = MetadataRequest::decode_whole(1, Bytes::from_static(&[0xff; 4])).expect("null");
    let expected = MetadataRequest { topics: None, ..Default::default() };
    assert!(expected.allow_auto_topic_creation);
    assert_eq!(request, expected);
}

#[test]
fn meaning_is_not_lost_silently_in_an_old_version() {
    let forbids = MetadataRequest { allow_auto_topic_creation: false, ..Default::default() };
    let refused = forbids.encode(3, &mut Writer::new()).expect_err("version 3 always creates");
    assert_eq!(refused.field, "MetadataRequest.allow_auto_topic_creation");
    assert_eq!(refused.refusal, Refusal::Lacking);
    let ignorable = FetchRequest { rack_id: "here".into(), ..Default::default() };
    ignorable.encode(10, &mut Writer::new()).expect("a rack may be left out");
}

#[test]
fn unknown_tagged_fields_keep_their_place_and_bytes() {
    let mut request = ApiVersionsRequest {
        client_software_name: "n".into(),
        client_software_version: "v".into(),
        ..Default::default()
    };
    request.unknown_tags.insert(300, Bytes::from_static(b"late"));
    request.unknown_tags.insert(0, Bytes::new());
    let bytes = written(|writer| request.encode(3, writer).expect("flexible"));
    assert_eq!(bytes, b"\x02n\x02v\x02\x00\x00\xac\x02\x04late");
    assert_eq!(ApiVersionsRequest::decode_whole(3, Bytes::from(bytes)), Ok(request.clone()));
    let refused = request.encode(2, &mut Writer::new()).expect_err("no tagged fields there");
    assert_eq!(refused.refusal, Refusal::Tag);
}

#[test]
fn known_and_unknown_tagged_fields_rise_together() {
    let mut response = ApiVersionsResponse {
        finalized_features_epoch: 5,
        zk_migration_ready: true,
        ..Default::default()
    };
    response.unknown_tags.insert(9, Bytes::from_static(b"x"));
    let bytes = written(|writer| response.encode(3, writer).expect("flexible"));
    assert_eq!(bytes, b"\0\0\x01\0\0\0\0\x03\x01\x08\0\0\0\0\0\0\0\x05\x03\x01\x01\x09\x01x");
    assert_eq!(ApiVersionsResponse::decode_whole(3, Bytes::from(bytes)), Ok(response.clone()));
    response.unknown_tags.insert(1, Bytes::new());
    let refused = response.encode(3, &mut Writer::new()).expect_err("1 is a known tag");
    assert_eq!(refused.refusal, Refusal::Tag);
}

#[test]
fn tags_that_do_not_rise_and_fields_that_do_not_fill_their_tag_are_refused() {
    let base = b"\x02n\x02v".to_vec();
    let with = |tags: &[u8]| Bytes::from([&base[..], tags].concat());
    let twice = ApiVersionsRequest::decode_whole(3, with(&[2, 4, 0, 4, 0]));
    assert_eq!(fault(twice), Fault::TagOrder);
    let epoch_of_nine_bytes = b"\0\0\x01\0\0\0\0\x01\x01\x09\0\0\0\0\0\0\0\x05\0";
    let long = ApiVersionsResponse::decode_whole(3, Bytes::from_static(epoch_of_nine_bytes));
    assert_eq!(fault(long), Fault::Trailing(1));
    let more_than_bytes =
        ApiVersionsRequest::decode_whole(3, with(&[0xff, 0xff, 0xff, 0xff, 0x0f]));
    assert!(matches!(fault(more_than_bytes), Fault::Short { .. }));
}

#[test]
fn a_string_beyond_the_protocols_limit_is_not_written() {
    let topic = MetadataRequestTopic { name: Some("x".repeat(32768)), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    for version in [1, 12] {
        let refused = request.encode(version, &mut Writer::new()).expect_err("too long");
        assert_eq!(refused.refusal, Refusal::TooLong(32768));
    }
}

#[test]
fn the_client_id_keeps_its_short_length_in_the_flexible_header() {
    let request = DeleteTopicsRequest { timeout_ms: 5, ..Default::default() };
    for (version, expected) in [
        (1, &b"\0\0\0\x15\0\x14\0\x01\0\0\0\x07\0\x03abc\0\0\0\0\0\0\0\x05"[..]),
        (4, b"\0\0\0\x14\0\x14\0\x04\0\0\0\x07\0\x03abc\0\x01\0\0\0\x05\0"),
    ] {
        let frame = encode_request(version, 7, Some("abc"), &request).expect("a request");
        assert_eq!(frame, expected);
        let mut reader = Reader::new(frame.slice(4..));
        let header = RequestHeader::decode(&mut reader).expect("a header");
        assert_eq!((header.api_key, header.api_version, header.correlation_id), (20, version, 7));
        assert_eq!(header.client_id.as_deref(), Some("abc"));
        assert_eq!(DeleteTopicsRequest::decode(version, &mut reader), Ok(request.clone()));
        assert_eq!(reader.finish(), Ok(()));
    }
}

#[test]
fn a_header_without_a_client_id_and_of_an_unknown_api_is_read() {
    let bytes = b"\x03\xe8\0\x09\0\0\0\x01\xff\xff";
    let header = RequestHeader::decode(&mut reader(bytes)).expect("a header");
    assert_eq!((header.api_key, header.api_version, header.client_id), (1000, 9, None));
}

#[test]
fn the_header_of_an_api_versions_response_is_never_flexible() {
    let response = ApiVersionsResponse::default();
    let frame = encode_response(3, 9, &response).expect("a response");
    assert_eq!(&frame[..10], b"\0\0\0\x0c\0\0\0\x09\0\0");
    assert!(!ResponseHeader::flexible(ApiKey::ApiVersions, true));
    assert!(ResponseHeader::flexible(ApiKey::Metadata, true));
}

#[test]
fn unknown_tags_stay_sorted_and_single() {
    let mut tags = UnknownTags::default();
    tags.insert(5, Bytes::from_static(b"a"));
    tags.insert(2, Bytes::from_static(b"b"));
    tags.insert(5, Bytes::from_static(b"c"));
    let seen: Vec<(u32, &[u8])> = tags.iter().map(|tag| (tag.tag, &tag.bytes[..])).collect();
    assert_eq!(seen, [(2, &b"b"[..]), (5, &b"c"[..])]);
}
