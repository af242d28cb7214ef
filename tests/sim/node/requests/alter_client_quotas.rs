//! AlterClientQuotas: kept, though nobody is held to them.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::AlterClientQuotasRequest;
use strandlog::kafka::messages::AlteredQuotaEntity;
use strandlog::kafka::messages::AlteredQuotas;
use strandlog::kafka::messages::QuotaOperation;

use super::expect;
use super::probe;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    let entity = AlteredQuotaEntity {
        entity_type: "client-id".to_owned(),
        entity_name: Some("sim".to_owned()),
        ..AlteredQuotaEntity::default()
    };
    let operation = QuotaOperation {
        key: "producer_byte_rate".to_owned(),
        value: 1_000.0,
        ..QuotaOperation::default()
    };
    let entry =
        AlteredQuotas { entity: vec![entity], ops: vec![operation], ..AlteredQuotas::default() };
    let request =
        AlterClientQuotasRequest { entries: vec![entry], ..AlterClientQuotasRequest::default() };
    probe(stage, &request, |stage, response| {
        let [entry] = response.entries.as_slice() else { panic!("answers: {response:?}") };
        let allowed = [ErrorCode::None, ErrorCode::RequestTimedOut];
        if expect(entry.error_code, &allowed, "AlterClientQuotas") == ErrorCode::None {
            stage.truth.quota_set = true;
        }
    });
}
