//! What the topics are that a regular expression of a consumer group (KIP-848) was resolved to.

record! {
    /// The topics that a regular expression was resolved to.
    ConsumerGroupRegularExpression = 16, values 0..=0, flexible 0;

    key ConsumerGroupRegularExpressionKey {
        group_id: String, 0..;
        regular_expression: String, 0..;
    }

    value ConsumerGroupRegularExpressionValue {
        topics: Vec<String>, 0..;
        /// Of the metadata that it was resolved on.
        version: i64, 0..;
        /// Milliseconds since 1970.
        timestamp: i64, 0..;
    }
}
