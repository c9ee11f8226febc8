//! How a bucket is reached that files lie in.
//!
//! No setting holds a secret: it is in a file, or in a variable of the bucket's provider. So nothing that shows settings
//! can show one.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How a bucket is reached, where `files` names one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BucketSettings {
    /// URL of the object store; empty is that of the provider whose scheme it is.
    pub(crate) endpoint: String,
    /// Region of the bucket; S3 alone has any.
    pub(crate) region: String,
    /// Who uses it: access key id (S3), storage account (Azure).
    pub(crate) key_id: String,
    /// Holds that one's secret, or the key file of a service account (Google).
    pub(crate) secret_file: PathBuf,
}

/// What the providers' own tools read, too. Where such a tool works, this server works.
const PROVIDERS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

impl BucketSettings {
    /// The options of the object store at that location: those of the environment, then these settings.
    pub(crate) fn options(&self, location: &str) -> anyhow::Result<Vec<(String, String)>> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            let is_one = PROVIDERS.iter().any(|prefix| name.starts_with(prefix)) && !value.is_empty();
            is_one.then_some((name, value))
        });
        let mut options: Vec<_> = variables.collect();
        options.extend(self.own(location)?);
        Ok(options)
    }

    fn own(&self, location: &str) -> anyhow::Result<Vec<(String, String)>> {
        let [endpoint, region, key_id, secret] = match location.split("://").next() {
            Some("az") => {
                ["azure_storage_endpoint", "", "azure_storage_account_name", "azure_storage_account_key"]
            }
            Some("gs") => ["google_base_url", "", "", "google_service_account_key"],
            _ => ["aws_endpoint", "aws_region", "aws_access_key_id", "aws_secret_access_key"],
        };
        let mut options = vec![
            (endpoint, self.endpoint.clone()),
            (region, self.region.clone()),
            (key_id, self.key_id.clone()),
            (secret, self.secret()?),
        ];
        if self.endpoint.starts_with("http://") {
            options.push(("allow_http", "true".to_owned()));
        }
        options.retain(|(name, value)| !name.is_empty() && !value.is_empty());
        Ok(options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn secret(&self) -> anyhow::Result<String> {
        if self.secret_file.as_os_str().is_empty() {
            return Ok(String::new());
        }
        let shown = self.secret_file.display();
        let secret = fs::read_to_string(&self.secret_file).map_err(|error| {
            Failure::usage(
                format!("bucket.secret_file: {shown} cannot be read: {error}"),
                "it names a file that holds the secret of bucket.key_id, readable by the server",
            )
        })?;
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(Failure::usage(
                format!("bucket.secret_file: {shown} is empty"),
                "it holds the secret of bucket.key_id",
            ));
        }
        Ok(secret.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(settings: &BucketSettings, location: &str) -> Vec<String> {
        let options = settings.own(location).unwrap();
        options.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn each_provider_has_names_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let secret_file = folder.path().join("secret");
        fs::write(&secret_file, "hoot\n").unwrap();
        let settings = BucketSettings {
            endpoint: "http://127.0.0.1:1".into(),
            region: "eu".into(),
            key_id: "owl".into(),
            secret_file,
        };
        assert_eq!(
            own(&settings, "s3://b/p"),
            [
                "aws_endpoint=http://127.0.0.1:1",
                "aws_region=eu",
                "aws_access_key_id=owl",
                "aws_secret_access_key=hoot",
                "allow_http=true"
            ]
        );
        assert_eq!(
            own(&settings, "az://c"),
            [
                "azure_storage_endpoint=http://127.0.0.1:1",
                "azure_storage_account_name=owl",
                "azure_storage_account_key=hoot",
                "allow_http=true"
            ]
        );
        assert_eq!(
            own(&settings, "gs://b"),
            ["google_base_url=http://127.0.0.1:1", "google_service_account_key=hoot", "allow_http=true"]
        );
        assert!(own(&BucketSettings::default(), "s3://b").is_empty());
        assert!(!format!("{settings:?}").contains("hoot"));
    }

    #[test]
    fn a_secret_that_is_not_there_is_told() {
        let settings = BucketSettings { secret_file: "/nowhere/secret".into(), ..Default::default() };
        let told = settings.options("s3://b").unwrap_err().to_string();
        assert!(told.contains("bucket.secret_file: /nowhere/secret"), "{told}");
    }
}
