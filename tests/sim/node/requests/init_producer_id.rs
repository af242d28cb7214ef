//! InitProducerId: no id is handed out twice, whatever dies.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::InitProducerIdRequest;

use super::expect;
use crate::node::client::Stage;

pub fn ask(stage: &mut Stage<'_>) {
    if stage.mind.producing.asks_id || stage.mind.producing.id.is_some() {
        return;
    }
    stage.mind.producing.asks_id = true;
    let version = stage.version::<InitProducerIdRequest>();
    let request =
        InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() };
    stage.send(version, &request, |stage, response| {
        stage.mind.producing.asks_id = false;
        let Some(response) = response else { return };
        let allowed = [ErrorCode::None, ErrorCode::CoordinatorLoadInProgress];
        if expect(response.error_code, &allowed, "InitProducerId") == ErrorCode::None {
            stage.truth.granted(response.producer_id);
            assert_eq!(response.producer_epoch, 0, "a fresh producer begins with epoch 0");
            stage.mind.producing.id = Some(response.producer_id);
        }
    });
}
