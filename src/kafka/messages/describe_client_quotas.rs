//! The quotas of users, clients and addresses (KIP-546).

api! {
    /// The quotas of users, clients and addresses (KIP-546).
    DescribeClientQuotas = 48, versions 0..=1, flexible 1;

    request DescribeClientQuotasRequest {
        components: Vec<QuotaComponent>, 0..;
        strict: bool, 0..;
    }

    struct QuotaComponent {
        entity_type: String, 0..;
        /// 0: the name. 1: the default. 2: any.
        match_type: i8, 0..;
        r#match: Option<String>, 0.., null 0..;
    }

    response DescribeClientQuotasResponse {
        throttle_time_ms: i32, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        entries: Option<Vec<DescribedQuotas>>, 0.., null 0..;
    }

    struct DescribedQuotas {
        entity: Vec<DescribedQuotaEntity>, 0..;
        values: Vec<QuotaValue>, 0..;
    }

    struct DescribedQuotaEntity {
        entity_type: String, 0..;
        entity_name: Option<String>, 0.., null 0..;
    }

    struct QuotaValue {
        key: String, 0..;
        value: f64, 0..;
    }
}
