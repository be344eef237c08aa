package sdkproof_test

import (
	"os"
	"strings"
	"testing"
)

// vendorCodes are all error codes that the vendor documents, or that were seen,
// for the operations of §4.0 (contract §3.1 to §3.3).
func vendorCodes() []string {
	return strings.Fields(`
		MissingParameter InvalidParameter InvalidVersion NoSuchVersion InvalidAction.NotFound UnsupportedOperation
		UnsupportedParameter UnsupportedHTTPMethod InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive
		Forbidden.AccessKeyDisabled SignatureDoesNotMatch IncompleteSignature SignatureNonceUsed InvalidTimeStamp.Expired
		InvalidTimeStamp.Format IllegalTimestamp InvalidParamater InvalidSecurityToken.Expired
		InvalidSecurityToken.Malformed InvalidSecurityToken.MismatchWithAccessKey MissingSecurityToken Forbidden.RAM
		Forbidden Throttling.User Throttling.Api Throttling OperationDenied OperationDenied.Suspended InternalError
		ServiceUnavailable
		InvalidTaskId.Malformed Forbidden.IllegalStatus InvalidVideo.NotFound InvalidVideo.NoneStream
		Forbidden.AliyunVoDEncryption VideoIdsExceededMax DeleteVideoFailed JobIdsExceededMax InvalidStream.NotFound
		DeleteStreamFailed SortByExceededMax ErrorMatchSyntax InvalidScrollToken.Expired InvalidDomainName.Malformed
		InvalidSources.Malformed InvalidSourceType.Malformed InvalidScope.Malformed InvalidCdnType.Malformed
		InvalidPriorities.Malformed BusinessExist DomainAlreadyExist ExtensiveAndAllBothExist
		ExtensiveAndSpecificDomainConflict CdnTypeNotSupportExtensiveDomain InvaildParameter InvalidRegion.Malformed
		InvalidResourceGroupId.Malformed EntityNotExists.ResourceGroup InvalidStatus.ResourceGroup InnerAddDomainDenied
		NotInternationRealIdentity DomainOverLimit IllegalOperation ServiceBusy DomainNotRegistration
		InvalidPageNumber.ValueNotSupported InvalidPageSize.ValueNotSupported InvalidDomainStatus.ValueNotSupported
		InvalidDomainSearchType.ValueNotSupported
		InvalidDomain.NotFound InvalidDomain.Offline InvalidDomain.Configure_failed InvalidObjectType.ValueNotSupported
		InvalidObjectType.Malformed InvalidObjectPath.Malformed InvalidObjectPath.Size.Malformed
		InvalidObjectPath.ExceedsMaximum SingleRequest.OverLimit QuotaExceeded.Refresh QuotaExceeded.Preload
		QuotaPerMinuteExceeded.Refresh PreloadQueueFull TooMany.Refresh InvalidExtensiveDomain.ValueNotSupported`)
}

// TestContract_3_EveryCodeOfTheVendorIsAnsweredOrLeftOut holds that the reference
// documents each code of the vendor, or docs/api-vendor.md says that it never
// comes, and that this is true.
func TestContract_3_EveryCodeOfTheVendorIsAnsweredOrLeftOut(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/api-vendor.md")
	if err != nil {
		t.Fatal(err)
	}
	var leftOut string // what stands before the colon of each point; behind it are reasons
	for _, point := range strings.Split(section(t, string(b), "## Errors that never come"), "\n* ")[1:] {
		codes, _, _ := strings.Cut(point, ":")
		leftOut += codes
	}
	answered := contractPage(t)
	product := sources(t, false)
	for _, code := range vendorCodes() {
		never, comes := strings.Contains(leftOut, "`"+code+"`"), strings.Contains(answered, "`"+code+"`")
		switch {
		case never && strings.Contains(product, `"`+code+`"`):
			t.Errorf("%s is said never to come, and stands in the program", code)
		case !never && !comes:
			t.Errorf("%s is neither documented nor said never to come", code)
		case never, strings.HasSuffix(code, ".ValueNotSupported"): // the program puts the name of the parameter in
		case comes && !strings.Contains(product, `"`+code+`"`):
			t.Errorf("%s is documented, and is not in the program", code)
		}
	}
}
