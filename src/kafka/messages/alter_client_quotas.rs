//! Sets and removes quotas of users, clients and addresses (KIP-546).

api! {
    /// Sets and removes quotas of users, clients and addresses (KIP-546).
    AlterClientQuotas = 49, versions 0..=1, flexible 1;

    request AlterClientQuotasRequest {
        entries: Vec<AlteredQuotas>, 0..;
        validate_only: bool, 0..;
    }

    struct AlteredQuotas {
        entity: Vec<AlteredQuotaEntity>, 0..;
        ops: Vec<QuotaOperation>, 0..;
    }

    struct AlteredQuotaEntity {
        entity_type: String, 0..;
        entity_name: Option<String>, 0.., null 0..;
    }

    struct QuotaOperation {
        key: String, 0..;
        value: f64, 0..;
        remove: bool, 0..;
    }

    response AlterClientQuotasResponse {
        throttle_time_ms: i32, 0..;
        entries: Vec<AlteredQuotasResult>, 0..;
    }

    struct AlteredQuotasResult {
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        entity: Vec<AlteredQuotaEntityResult>, 0..;
    }

    struct AlteredQuotaEntityResult {
        entity_type: String, 0..;
        entity_name: Option<String>, 0.., null 0..;
    }
}
