//! Deletes topics.
//!
//! * 5: error messages. 6 (KIP-516): by name or by id.

api! {
    /// Deletes topics.
    DeleteTopics = 20, versions 1..=6, flexible 4;

    request DeleteTopicsRequest {
        topics: Vec<DeleteTopicState>, 6..;
        topic_names: Vec<String>, 0..=5, ignorable;
        timeout_ms: i32, 0..;
    }

    struct DeleteTopicState {
        name: Option<String>, 6.., null 6.., default None;
        topic_id: TopicId, 6..;
    }

    response DeleteTopicsResponse {
        throttle_time_ms: i32, 1.., ignorable;
        responses: Vec<DeletableTopicResult>, 0..;
    }

    struct DeletableTopicResult {
        name: Option<String>, 0.., null 6..;
        topic_id: TopicId, 6.., ignorable;
        error_code: i16, 0..;
        error_message: Option<String>, 5.., null 5.., default None, ignorable;
    }
}
