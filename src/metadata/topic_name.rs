//! What a topic may be called. The words are Kafka's (`Topic.validate`).

/// Longest name of a topic, in bytes.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Topics that coordinators keep their own state in; clients are told.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__share_group_state", "__transaction_state"];

/// That `name` may be a topic's, or why not.
pub fn check_topic_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." => "'.' is not allowed".to_owned(),
        ".." => "'..' is not allowed".to_owned(),
        long if long.len() > TOPIC_NAME_BYTES_MAX => {
            format!(
                "the length of '{name}' is longer than the max allowed length {TOPIC_NAME_BYTES_MAX}"
            )
        }
        odd if !odd.chars().all(allowed) => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

/// Whether clients shall treat the topic as the broker's own.
pub fn is_internal_topic(name: &str) -> bool {
    INTERNAL.contains(&name)
}
