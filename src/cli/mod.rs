//! Arguments, help, and exit statuses. Puts the configuration together and hands it on; decides
//! nothing about data.
