# An operator's own VCL with Freshet's part included: adapt this to your sites.
# Started as
#   varnishd -a :6081 -a ctl=127.0.0.1:6083 -f /etc/varnish/default.vcl -s malloc,4g -p ban_lurker_age=5

vcl 4.1;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
}

sub vcl_recv {
  # Host names of one site share one copy: give requests the name that
  # Freshet's configuration has under domains[].name.
  if (req.http.Host ~ "(?i)^(www\.)?alias\.example\.com(:|$)") {
    set req.http.Host = "vod.example.com";
  }

  # Parameters that do not change the answer, as in domains[].ignore_params.
  if (req.url ~ "[?&]utm_source(=|&|$)") {
    set req.url = regsuball(req.url, "([?&])utm_source(=[^&]*)?(?=&|$)", "\1");
    set req.url = regsuball(req.url, "&&+", "&");
    set req.url = regsub(regsub(req.url, "\?&", "?"), "[?&]$", "");
  }
}

# With varnish-modules: purges by tag, and patterns that also catch fills in flight.
# include "freshet-xkey.vcl";
include "freshet.vcl";

# What follows is yours.

sub vcl_backend_response {
  # How long viewers may get a stale copy while Varnish fetches a new one, and
  # how long a stale one is kept to ask the origin whether it changed. A purge
  # ends both.
  set beresp.grace = 10s;
  set beresp.keep = 1h;
}
