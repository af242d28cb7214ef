use super::*;
use crate::kafka::wire::Message;
use crate::kafka::wire::Reader;
use crate::kafka::wire::ResponseHeader;
use crate::kafka::wire::encode_request;

fn ask(version: i16, name: &str) -> ApiVersionsResponse {
    let request = ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: "1.0.0".to_owned(),
        ..ApiVersionsRequest::default()
    };
    let frame = encode_request(version, 1, None, &request).expect("a request");
    let header = if version >= 3 { 15 } else { 14 };
    let answer = answer(version, 1, frame.slice(header..)).expect("an answer");
    let mut reader = Reader::new(answer.slice(4..));
    ResponseHeader::decode(false, &mut reader).expect("a header that never is flexible");
    ApiVersionsResponse::decode(version, &mut reader).expect("a body")
}

#[test]
fn every_served_api_is_shown_with_its_versions_and_no_other() {
    for version in 0..=4 {
        let answer = ask(version, "client");
        let shown: Vec<_> = answer.api_keys.iter().map(|api| api.api_key).collect();
        let served: Vec<_> = SERVED.iter().map(|key| key.code()).collect();
        assert_eq!(shown, served);
        for api in &answer.api_keys {
            let row = ApiKey::from_code(api.api_key).expect("a known key").api();
            assert_eq!((api.min_version, api.max_version), (row.advertised_min, row.max));
        }
    }
}

#[test]
fn clients_find_the_consumer_protocol_among_the_features() {
    for version in 0..=4 {
        let answer = ask(version, "client");
        let finalized = answer.finalized_features.iter();
        let finalized: Vec<_> =
            finalized.map(|feature| (feature.name.as_str(), feature.max_version_level)).collect();
        let supported = answer.supported_features.iter();
        let supported: Vec<_> =
            supported.map(|feature| (feature.min_version, feature.max_version)).collect();
        if version < 3 {
            assert!(finalized.is_empty() && supported.is_empty());
            continue;
        }
        assert_eq!((answer.finalized_features_epoch, finalized), (0, vec![("group.version", 1)]));
        // Clients of version 3 stumble over a feature that may be off.
        let expected = if version == 3 { vec![] } else { vec![(0, 1)] };
        assert_eq!(supported, expected);
    }
}

#[test]
fn kip_511_a_client_must_name_its_software_properly() {
    for (name, error) in [
        ("apache-kafka-java", 0),
        ("a.b", 0),
        ("", 42),
        ("-java", 42),
        ("java ", 42),
        ("ja/va", 42),
    ] {
        assert_eq!(ask(3, name).error_code, error, "{name:?}");
    }
}

#[test]
fn a_body_that_is_none_is_an_error() {
    assert!(answer(3, 1, Bytes::from_static(&[0xff, 0xff])).is_err());
    assert!(answer(0, 1, Bytes::from_static(&[0])).is_ok(), "bytes behind it mean nothing");
}
