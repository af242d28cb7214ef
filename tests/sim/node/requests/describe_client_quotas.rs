//! DescribeClientQuotas: what was confirmed is shown.

use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DescribeClientQuotasRequest;
use strandlog::kafka::messages::QuotaComponent;

use super::expect;
use super::probe;
use crate::node::client::Stage;

/// Any name of the entity.
const ANY: i8 = 2;

pub fn ask(stage: &mut Stage<'_>) {
    let component = QuotaComponent {
        entity_type: "client-id".to_owned(),
        match_type: ANY,
        r#match: None,
        ..QuotaComponent::default()
    };
    let request = DescribeClientQuotasRequest {
        components: vec![component],
        ..DescribeClientQuotasRequest::default()
    };
    let is_set = stage.truth.quota_set;
    probe(stage, &request, move |_, response| {
        expect(response.error_code, &[ErrorCode::None], "DescribeClientQuotas");
        let entries = response.entries.unwrap_or_default();
        assert!(!is_set || entries.len() == 1, "metadata: the quota that was set: {entries:?}");
    });
}
