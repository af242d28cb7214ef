//! InitProducerId without transactions (rules 24 and 25).

use super::errors::ErrorCode;
use super::messages::InitProducerIdRequest;
use super::messages::InitProducerIdResponse;

/// What a producer is to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Rule 24: an id of its own, epoch 0, whatever id it had before.
    Fresh,
    Nothing(ErrorCode),
}

/// Judges a request.
pub fn wanted(request: &InitProducerIdRequest) -> Wanted {
    match request.transactional_id.as_deref() {
        // Half an identity: Kafka refuses it before it looks further.
        _ if (request.producer_id == -1) != (request.producer_epoch == -1) => {
            Wanted::Nothing(ErrorCode::InvalidRequest)
        }
        None => Wanted::Fresh,
        Some("") => Wanted::Nothing(ErrorCode::InvalidRequest),
        // Rule 25 needs a transaction coordinator. There is none: clients see what they see of a
        // Kafka cluster whose coordinator is not available.
        Some(_) => Wanted::Nothing(ErrorCode::CoordinatorNotAvailable),
    }
}

pub fn granted(producer_id: i64) -> InitProducerIdResponse {
    InitProducerIdResponse { producer_id, producer_epoch: 0, ..InitProducerIdResponse::default() }
}

pub fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
