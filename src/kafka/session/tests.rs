use super::*;
use crate::kafka::wire::Writer;

fn frame(api: i16, version: i16, rest: &[u8]) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(api);
    writer.i16(version);
    writer.i32(42);
    writer.i16(-1);
    writer.put(rest);
    writer.into_bytes()
}

#[test]
fn a_call_is_what_its_header_says_and_the_body_is_the_rest() {
    let call = read_call(frame(3, 1, b"body")).expect("Metadata 1");
    assert_eq!((call.api, call.version, call.correlation), (ApiKey::Metadata, 1, 42));
    assert_eq!(&call.body[..], b"body");
    // Version 9 is flexible: its header ends with tagged fields.
    let call = read_call(frame(3, 9, b"\0body")).expect("Metadata 9");
    assert_eq!(&call.body[..], b"body");
}

#[test]
fn only_api_versions_is_answered_in_versions_that_are_not_served() {
    assert!(matches!(
        read_call(frame(0, 2, b"")),
        Err(CallFault::UnsupportedVersion { api: ApiKey::Produce, version: 2 })
    ));
    assert!(matches!(read_call(frame(3, 99, b"\0")), Err(CallFault::UnsupportedVersion { .. })));
    assert!(matches!(read_call(frame(3, -1, b"")), Err(CallFault::UnsupportedVersion { .. })));
    assert_eq!(read_call(frame(18, 99, b"\0")).expect("an answer in version 0").version, 99);
}

#[test]
fn unknown_apis_and_torn_headers_have_no_answer() {
    assert!(matches!(read_call(frame(4, 0, b"")), Err(CallFault::UnknownApi(4))));
    assert!(matches!(read_call(frame(-1, 0, b"")), Err(CallFault::UnknownApi(-1))));
    let whole = frame(3, 1, b"");
    for bytes in 0..whole.len() {
        assert!(matches!(read_call(whole.slice(..bytes)), Err(CallFault::Header(_))));
    }
}

#[test]
fn an_api_is_told_by_its_first_two_bytes() {
    assert!(asks(ApiKey::Produce, &frame(0, 9, b"")));
    assert!(!asks(ApiKey::Produce, &frame(1, 9, b"")));
    assert!(!asks(ApiKey::Produce, &[0]));
    assert!(asks_an_owner(&frame(1, 9, b"")) && !asks_an_owner(&frame(3, 9, b"")));
}
