package sdkproof_test

import "github.com/freshet-vod/freshet/internal/rpc/rpctest"

// credentialRows are about who calls (contract §3.1).
func credentialRows() []row {
	as := func(about string, c rpctest.Credentials, f *fault) row {
		return row{action: "GetMediaRefreshJobs", about: about, params: params{"MediaRefreshJobId": "{job}"}, as: &c, fault: f}
	}
	return []row{
		as("an unknown key", rpctest.Credentials{KeyID: "nobody", Secret: secret}, &fault{"InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."}),
		// The SDKs show the message up to their own hint, or all of it.
		as("a wrong secret", rpctest.Credentials{KeyID: keyID, Secret: secret + "x"}, &fault{"SignatureDoesNotMatch", 400, "Specified signature is not matched with our calculation. server string to sign is:"}),
	}
}
