//! What is known of the credentials of users (KIP-554).

api! {
    /// What is known of the credentials of users (KIP-554).
    DescribeUserScramCredentials = 50, versions 0..=0, flexible 0;

    request DescribeUserScramCredentialsRequest {
        users: Option<Vec<ScramUserName>>, 0.., null 0..;
    }

    struct ScramUserName {
        name: String, 0..;
    }

    response DescribeUserScramCredentialsResponse {
        throttle_time_ms: i32, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        results: Vec<DescribedScramUser>, 0..;
    }

    struct DescribedScramUser {
        user: String, 0..;
        error_code: i16, 0..;
        error_message: Option<String>, 0.., null 0..;
        credential_infos: Vec<ScramCredentialInfo>, 0..;
    }

    struct ScramCredentialInfo {
        mechanism: i8, 0..;
        iterations: i32, 0..;
    }
}
