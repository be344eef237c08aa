package vod

// The events that are told (contract §5.5).
const (
	EventSubmitted = "SubmitMediaRefreshComplete"
	EventDeleted   = "DeleteMediaComplete"
)

// Events lists every event that a callback rule may name (contract §5.5), also
// those that never happen here.
func Events() []string {
	return []string{
		"FileUploadComplete", "ImageUploadComplete", "StreamTranscodeComplete", "TranscodeComplete", "SnapshotComplete",
		"DynamicImageComplete", "AddLiveRecordVideoComplete", "LiveRecordVideoComposeStart", "UploadByURLComplete",
		"CreateAuditComplete", "AIComplete", "AIMediaAuditComplete", "AIMediaDNAComplete", "AIVideoTagComplete",
		"VideoAnalysisComplete", "AttachedMediaUploadComplete", "ProduceMediaComplete", EventDeleted, "MediaBaseChangeComplete",
		EventSubmitted,
	}
}

// AllEvents stands for every event of the list.
const AllEvents = "ALL"
