package rpc

import "net/http"

// The errors of operations about media (contract §3.2).
const (
	videoNotFound kind = 100 + iota
	videoIDsExceededMax
	illegalStatus
	noStream
	onlyEncrypted
	jobIDsExceededMax
	streamNotFound
	sortByExceededMax
	matchSyntax
	scrollExpired
)

// mediaTable is their part of the error table.
func mediaTable(k kind) (row, bool) {
	switch k { //nolint:exhaustive // the kinds of other groups are theirs
	case videoNotFound:
		return row{"InvalidVideo.NotFound", http.StatusNotFound, "The video does not exist."}, true
	case videoIDsExceededMax:
		return row{"VideoIdsExceededMax", http.StatusBadRequest, "The VideoIds exceeded maximum."}, true
	case illegalStatus:
		return row{"Forbidden.IllegalStatus", http.StatusForbidden, "Status of the video is illegal. Current Status is %s."}, true
	case noStream:
		return row{
			"InvalidVideo.NoneStream", http.StatusNotFound,
			"The video has no stream to play for the request parameter '%s'.",
		}, true
	case onlyEncrypted:
		return row{
			"Forbidden.AliyunVoDEncryption", http.StatusForbidden,
			"There is only AliyunVoDEncryption stream exist, you must use Aliyun player to play or set the value of ResultType to Multiple.",
		}, true
	case jobIDsExceededMax:
		return row{"JobIdsExceededMax", http.StatusBadRequest, "The JobIds exceeded maximum."}, true
	case streamNotFound:
		return row{"InvalidStream.NotFound", http.StatusNotFound, "The stream does not exist."}, true
	case sortByExceededMax:
		return row{"SortByExceededMax", http.StatusBadRequest, "The SortBy exceeded maximum."}, true
	case matchSyntax:
		return row{"ErrorMatchSyntax", http.StatusBadRequest, "The parameter Match.%s has an error syntax, please check it."}, true
	case scrollExpired:
		return row{"InvalidScrollToken.Expired", http.StatusBadRequest, "The ScrollToken is expired."}, true
	}
	return row{}, false
}
