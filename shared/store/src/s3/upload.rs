//! A streaming write to S3: a single PutObject for a small object, a multipart upload for a large one.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use super::answers::{from_sdk_error, written};
use super::{Condition, put};
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::{Upload, WrittenObject};

/// The size of a part in bytes. It is large because each request has a price. S3 requires at least 5 MiB (except for
/// the last part) and allows at most 10,000 parts, so the maximum object size is 234 GiB.
const PART_BYTES: usize = 24 << 20;

pub(super) struct S3Upload {
    client: Client,
    location: Location,
    /// The bytes of the next part.
    buffer: BytesMut,
    size: u64,
    multipart: Option<Multipart>,
    /// Whether an earlier write failed or was cancelled, so the content is incomplete.
    failed: bool,
}

/// A multipart upload that was created in S3. Dropping it aborts it, unless it was completed or aborted.
struct Multipart {
    client: Client,
    location: Location,
    id: String,
    parts: Vec<CompletedPart>,
    /// The runtime for the abort when the upload is dropped.
    runtime: Handle,
    settled: bool,
}

impl S3Upload {
    pub(super) fn new(client: Client, location: Location) -> S3Upload {
        S3Upload {
            client,
            location,
            buffer: BytesMut::new(),
            size: 0,
            multipart: None,
            failed: false,
        }
    }

    /// Sends `bytes` as the next part.
    async fn send_part(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            None => self
                .multipart
                .insert(Multipart::begin(&self.client, &self.location).await?),
        };
        multipart.send_part(bytes).await
    }

    /// Sends the rest and completes the multipart upload.
    async fn complete(&mut self, operation: &str, rest: Bytes) -> Result<WrittenObject, StoreError> {
        if !rest.is_empty() {
            self.send_part(rest).await?;
        }
        match &mut self.multipart {
            Some(multipart) => multipart.complete(operation, self.size).await,
            None => Err(StoreError::Other(ErrorContext::new(
                operation,
                &self.location,
                "no upload was begun",
            ))),
        }
    }

    /// Aborts the multipart upload after a failure and returns the failure. The abort is not left to `Drop`, because
    /// a Lambda execution environment is frozen after its response, and the request might not be sent. An error of
    /// the abort is ignored.
    async fn give_up(&mut self, error: StoreError) -> StoreError {
        if let Some(mut multipart) = self.multipart.take() {
            let _ = multipart.abort().await;
        }
        error
    }

    fn check_whole(&self, operation: &str) -> Result<(), StoreError> {
        if self.failed {
            let message = "an earlier write of this upload failed";
            return Err(StoreError::Other(ErrorContext::new(
                operation,
                &self.location,
                message,
            )));
        }
        Ok(())
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        self.check_whole("writing to")?;
        // Reset at the end, so a future that is dropped during a part also counts as a failure.
        self.failed = true;
        self.size += bytes.len() as u64;
        while self.buffer.len() + bytes.len() >= PART_BYTES {
            let piece = bytes.split_to(PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&piece);
            let part = self.buffer.split().freeze();
            if let Err(error) = self.send_part(part).await {
                return Err(self.give_up(error).await);
            }
        }
        self.buffer.extend_from_slice(&bytes);
        self.failed = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<WrittenObject, StoreError> {
        let operation = "finishing the upload of";
        self.check_whole(operation)?;
        let rest = self.buffer.split().freeze();
        if self.multipart.is_none() {
            return put(&self.client, operation, &self.location, rest, Condition::None).await;
        }
        match self.complete(operation, rest).await {
            Ok(written) => Ok(written),
            Err(error) => Err(self.give_up(error).await),
        }
    }
}

impl Multipart {
    async fn begin(client: &Client, location: &Location) -> Result<Multipart, StoreError> {
        let operation = "beginning a multipart upload of";
        let answer = client
            .create_multipart_upload()
            .bucket(&location.bucket)
            .key(&location.key)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .checksum_type(ChecksumType::FullObject)
            .send()
            .await
            .map_err(|error| from_sdk_error(operation, location, &error))?;
        let id = answer.upload_id.ok_or_else(|| {
            let message = "expected an upload id in the answer, found none";
            StoreError::Other(ErrorContext::new(operation, location, message))
        })?;
        Ok(Multipart {
            client: client.clone(),
            location: location.clone(),
            id,
            parts: Vec::new(),
            runtime: Handle::current(),
            settled: false,
        })
    }

    async fn send_part(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let operation = format!("uploading part {number} of");
        let answer = self
            .client
            .upload_part()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| from_sdk_error(&operation, &self.location, &error))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build();
        self.parts.push(part);
        Ok(())
    }

    async fn complete(&mut self, operation: &str, size: u64) -> Result<WrittenObject, StoreError> {
        let parts = std::mem::take(&mut self.parts);
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.id)
            .checksum_type(ChecksumType::FullObject)
            .mpu_object_size(i64::try_from(size).unwrap_or(i64::MAX))
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map_err(|error| from_sdk_error(operation, &self.location, &error))?;
        self.settled = true;
        written(operation, &self.location, size, answer.e_tag, answer.version_id)
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let answer = self
            .client
            .abort_multipart_upload()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.id)
            .send()
            .await;
        self.settled = true;
        answer
            .map(|_| ())
            .map_err(|error| from_sdk_error("aborting the upload of", &self.location, &error))
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let abort = self
            .client
            .abort_multipart_upload()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.id);
        // No caller can receive an error here. If the abort fails, the lifecycle rule of the bucket removes the parts.
        self.runtime.spawn(async move {
            let _ = abort.send().await;
        });
    }
}
