# Optional: purges by tag, and patterns that also catch fills in flight. It
# needs the vmods xkey and var (Debian: varnish-modules). Include it before
# freshet.vcl.

import purge;
import std;
import var;
import xkey;

sub vcl_recv {
  if (local.socket == "ctl") {
    set req.http.X-Freshet-Can = "xkey fence";
    if (req.http.X-Freshet-Op == "ban" || req.http.X-Freshet-Op == "xkey") {
      # Neither a ban nor xkey sees an object whose header is still to come. So
      # note the time first: what was asked for before it is not stored. A repeat
      # names the time of the first.
      if (!req.http.X-Freshet-Since) {
        var.global_set("freshet_fence", std.time2real(now, 0.0));
      } elseif (std.real(req.http.X-Freshet-Since, 0.0) > std.real(var.global_get("freshet_fence"), 0.0)) {
        var.global_set("freshet_fence", req.http.X-Freshet-Since);
      }
    }
    if (req.method == "HEAD" && req.http.X-Freshet-Op == "xkey") {
      set req.http.X-Freshet-Now = std.time2real(now, 0.0);
      set req.http.X-Freshet-Verdict = "ok";
      set req.http.X-Freshet-Count = xkey.purge(req.http.X-Freshet-Text);
      return (synth(200));
    }
  }
}

sub vcl_backend_response {
  # A tag counts within its host only: one tenant's purge must not reach
  # another's objects. Both ways of writing tags are taken: Cache-Tag: a, b and
  # Surrogate-Key: a b.
  if (beresp.http.Cache-Tag || beresp.http.Surrogate-Key) {
    std.collect(beresp.http.xkey, " ");
    std.collect(beresp.http.Cache-Tag, " ");
    std.collect(beresp.http.Surrogate-Key, " ");
    set beresp.http.xkey = beresp.http.xkey + " "
      + regsuball(beresp.http.Cache-Tag + " " + beresp.http.Surrogate-Key, "([^ ,]+)", bereq.http.Host + "/\1");
  }
  if (std.real(bereq.http.X-Freshet-Fetch, 0.0) <= std.real(var.global_get("freshet_fence"), 0.0)) {
    set beresp.ttl = 0s;
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    set beresp.uncacheable = true;
    return (deliver);
  }
  set beresp.http.X-Freshet-Seen = std.time2real(now, 0.0);
}

sub vcl_hit {
  # An object may have passed the check above just before the time was noted and
  # have been stored just after the ban. So what came in within the last 0.1 s before
  # it is fetched again.
  if (local.socket != "ctl"
      && std.real(obj.http.X-Freshet-Fetch, 0.0) <= std.real(var.global_get("freshet_fence"), 0.0)
      && std.real(obj.http.X-Freshet-Seen, 0.0) > std.real(var.global_get("freshet_fence"), 0.0) - 0.1) {
    set req.http.X-Freshet-Count = purge.hard();
    return (restart);
  }
}

sub vcl_deliver {
  if (local.socket != "ctl") {
    unset resp.http.xkey;
    unset resp.http.X-Freshet-Seen;
  }
}
