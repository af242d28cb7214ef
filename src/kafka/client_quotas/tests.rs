//! The codes and words are those that Kafka 4.3.1 answered (`tests/clients/answers`).

use super::*;
use crate::kafka::admin_tests::carried;
use crate::kafka::messages::QuotaOperation;
use crate::metadata::rig::Desk;

/// A filter's part: entity type, match type, match.
type Filter<'a> = (&'a str, i8, Option<&'a str>);
type Entity<'a> = [(&'a str, Option<&'a str>)];

fn limit(desk: &mut Desk, of: &Entity<'_>, key: &str, value: Option<f64>) -> (i16, Option<String>) {
    let part = |(kind, name): &(&str, Option<&str>)| AlteredQuotaEntity {
        entity_type: (*kind).to_owned(),
        entity_name: name.map(str::to_owned),
        ..AlteredQuotaEntity::default()
    };
    let operation = QuotaOperation {
        key: key.to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
        ..QuotaOperation::default()
    };
    let entry = AlteredQuotas {
        entity: of.iter().map(part).collect(),
        ops: vec![operation],
        ..AlteredQuotas::default()
    };
    let request = AlterClientQuotasRequest { entries: vec![entry], ..Default::default() };
    let (command, asked) = ask(carried(1, &request));
    let outcome = desk.ask(command);
    let mut entries = carried(1, &asked.answer(outcome)).entries;
    let entry = entries.pop().expect("one answer");
    assert_eq!((entry.entity.len(), entries.len()), (of.len(), 0));
    (entry.error_code, entry.error_message)
}

/// The entries as text, or the error.
fn show(
    desk: &Desk,
    strict: bool,
    filter: &[(&str, i8, Option<&str>)],
) -> Result<Vec<String>, (i16, String)> {
    let component = |(kind, match_type, name): &(&str, i8, Option<&str>)| QuotaComponent {
        entity_type: (*kind).to_owned(),
        match_type: *match_type,
        r#match: name.map(str::to_owned),
        ..QuotaComponent::default()
    };
    let components = filter.iter().map(component).collect();
    let request = DescribeClientQuotasRequest { components, strict, ..Default::default() };
    let context = AdminContext { image: &desk.image, listener: 0, version: 1 };
    let response = carried(1, &describe(context, &carried(1, &request)));
    let Some(entries) = response.entries else {
        return Err((response.error_code, response.error_message.unwrap()));
    };
    assert_eq!(response.error_code, 0);
    let shown = entries.iter().map(|entry| {
        let parts: Vec<String> = entry
            .entity
            .iter()
            .map(|part| {
                format!("{}={}", part.entity_type, part.entity_name.as_deref().unwrap_or("*"))
            })
            .collect();
        let values: Vec<String> =
            entry.values.iter().map(|value| format!("{}={}", value.key, value.value)).collect();
        format!("{} {}", parts.join(","), values.join(","))
    });
    Ok(shown.collect())
}

const ALICE: &Entity<'static> = &[("user", Some("alice"))];
const BOTH: &Entity<'static> = &[("user", Some("alice")), ("client-id", Some("c"))];

#[test]
fn quotas_are_kept_and_found_by_every_filter() {
    let mut desk = Desk::new();
    for (entity, key, value) in [
        (ALICE, "producer_byte_rate", 1024.0),
        (BOTH, "request_percentage", 12.5),
        (&[("user", None)], "request_percentage", 50.0),
        (&[("ip", Some("127.0.0.9"))], "connection_creation_rate", 5.0),
    ] {
        assert_eq!(limit(&mut desk, entity, key, Some(value)), (0, None), "{entity:?}");
    }
    let (alice, both) =
        ("user=alice producer_byte_rate=1024", "client-id=c,user=alice request_percentage=12.5");
    let (default, address) =
        ("user=* request_percentage=50", "ip=127.0.0.9 connection_creation_rate=5");
    let mut all = show(&desk, false, &[]).unwrap();
    all.sort();
    assert_eq!(all, [both, address, default, alice]);
    assert_eq!(show(&desk, true, &[("user", 0, Some("alice"))]).unwrap(), [alice]);
    assert_eq!(show(&desk, false, &[("user", 0, Some("alice"))]).unwrap().len(), 2);
    assert_eq!(show(&desk, false, &[("user", 1, None)]).unwrap(), [default]);
    assert_eq!(show(&desk, true, &[("user", 2, None), ("client-id", 2, None)]).unwrap(), [both]);
    assert_eq!(show(&desk, true, &[("ip", 2, None)]).unwrap(), [address]);
    assert_eq!(limit(&mut desk, ALICE, "producer_byte_rate", None), (0, None));
    assert_eq!(show(&desk, true, &[("user", 0, Some("alice"))]), Ok(Vec::new()));
    assert_eq!(limit(&mut desk, &[("user", Some("carol"))], "producer_byte_rate", None), (0, None));
    assert_eq!(desk.image.state().resource_count(), 3);
}

#[test]
fn what_kafka_refuses_is_refused_in_its_words() {
    let rate = "producer_byte_rate";
    let address = &[("ip", Some("127.0.0.9"))];
    let cases: &[(&Entity<'_>, &str, f64, &str)] = &[
        (ALICE, "nonsense", 1.0, "Invalid configuration key nonsense"),
        (address, rate, 1.0, "Invalid configuration key producer_byte_rate"),
        (ALICE, rate, 0.0, "Quota producer_byte_rate must be greater than 0"),
        (ALICE, rate, -1.0, "Quota producer_byte_rate must be greater than 0"),
        (ALICE, rate, 1.5, "producer_byte_rate cannot be a fractional value."),
        (&[("group", Some("g"))], rate, 1.0, "Unhandled client quota entity type: group"),
        (&[], rate, 1.0, "Invalid empty client quota entity"),
        (&[("user", Some(""))], rate, 1.0, "Empty user not supported"),
        (
            &[("ip", Some("nowhere"))],
            "connection_creation_rate",
            1.0,
            "nowhere is not a valid IP or resolvable host.",
        ),
        (
            &[("ip", Some("127.0.0.9")), ("user", Some("alice"))],
            "connection_creation_rate",
            1.0,
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ),
    ];
    let mut desk = Desk::new();
    for (entity, key, value, message) in cases {
        let answer = limit(&mut desk, entity, key, Some(*value));
        assert_eq!(answer, (42, Some((*message).to_owned())), "{entity:?} {key} {value}");
    }
    assert_eq!(desk.image.state().resource_count(), 0);
}

#[test]
fn filters_that_kafka_refuses_are_refused_in_its_words() {
    let cases: &[(&[Filter<'_>], i16, &str)] = &[
        (&[("group", 2, None)], 35, "Unsupported entity type group"),
        (&[("", 2, None)], 42, "Invalid empty entity type."),
        (
            &[("user", 2, None), ("user", 2, None)],
            42,
            "Entity type user cannot appear more than once in the filter.",
        ),
        (&[("user", 9, None)], 42, "Unknown match type 9"),
        (
            &[("user", 0, None)],
            42,
            "Request specified MATCH_TYPE_EXACT, but set match string to null.",
        ),
        (
            &[("user", 2, Some("a"))],
            42,
            "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
        ),
        (
            &[("ip", 2, None), ("user", 2, None)],
            42,
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.",
        ),
    ];
    for (filter, code, message) in cases {
        assert_eq!(show(&Desk::new(), false, filter), Err((*code, (*message).to_owned())));
    }
}
