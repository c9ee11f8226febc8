//! Clients of object stores: S3 and what speaks its protocol, Google Cloud Storage, Azure.

use std::{str::FromStr, sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, path::Path,
};
use url::Url;

/// A request whose answer begins later, or pauses longer, has failed. There is no limit for the whole of it: a client
/// may take its time for a large file.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// For so long a failed request is tried again. A client waits meanwhile, and can try again itself.
const RETRIES_MAX: usize = 4;
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The store of a URL, and the prefix of all keys.
pub(super) fn open(
    url: &Url,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no bucket, as s3://bucket/prefix does".to_owned());
    }
    if url.password().is_some() {
        return Err(
            "a secret must not be in it; `bucket.secret_file` in the settings names a file for it".to_owned()
        );
    }
    let prefix = Path::from_url_path(url.path()).map_err(|e| e.to_string())?;
    let options: Vec<(String, String)> = options.into_iter().collect();
    let (client, retry) = (client(), retry());
    let store = match url.scheme() {
        "s3" => {
            let builder = AmazonS3Builder::new().with_client_options(client).with_retry(retry);
            let builder = builder.with_url(url.as_str());
            with(builder, options, AmazonS3Builder::with_config).build().map(shared)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::new().with_client_options(client).with_retry(retry);
            let builder = builder.with_url(url.as_str());
            with(builder, options, GoogleCloudStorageBuilder::with_config).build().map(shared)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::new().with_client_options(client).with_retry(retry);
            let builder = builder.with_url(url.as_str());
            with(builder, options, MicrosoftAzureBuilder::with_config).build().map(shared)
        }
        other => {
            return Err(format!(
                "{other}: is no place for files; there are s3://bucket, gs://bucket, az://container and directories"
            ));
        }
    };
    Ok((store.map_err(|e| e.to_string())?, prefix))
}

fn shared(store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    Arc::new(store)
}

/// Sets the options that the builder knows.
fn with<B, K: FromStr>(builder: B, options: Vec<(String, String)>, set: impl Fn(B, K, String) -> B) -> B {
    options.into_iter().fold(builder, |builder, (key, value)| match key.to_ascii_lowercase().parse() {
        Ok(key) => set(builder, key, value),
        Err(_) => builder,
    })
}

fn client() -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(SILENCE_MAX)
        .with_connect_timeout(CONNECT_MAX)
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_MAX, ..RetryConfig::default() }
}
