//! A producer id and epoch for an idempotent or transactional producer.
//!
//! * 3 (KIP-360): a producer may bring its id and epoch to have the epoch raised.
//! * 4: PRODUCER_FENCED. 5 (KIP-890): marks clients that know TRANSACTION_ABORTABLE.

api! {
    /// A producer id and epoch for an idempotent or transactional producer.
    InitProducerId = 22, versions 0..=5, flexible 2;

    request InitProducerIdRequest {
        transactional_id: Option<String>, 0.., null 0..;
        transaction_timeout_ms: i32, 0..;
        producer_id: i64, 3.., default -1;
        producer_epoch: i16, 3.., default -1;
    }

    response InitProducerIdResponse {
        throttle_time_ms: i32, 0.., ignorable;
        error_code: i16, 0..;
        producer_id: i64, 0.., default -1;
        producer_epoch: i16, 0..;
    }
}
