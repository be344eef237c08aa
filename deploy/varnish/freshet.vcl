# Freshet's part of a Varnish configuration. Do not edit it: it is replaced
# with Freshet's releases. Include it in your own VCL after the lines that give
# requests their canonical host and remove parameters (see default.vcl), and
# before everything else.
#
# What it does:
#  1. gives each stored object a stamp: when its fetch began;
#  2. answers Freshet's agent, on a listener of its own, called ctl
#     (varnishd -a ctl=127.0.0.1:6083 ...). Viewers cannot reach any of it;
#  3. makes one URL one object: no signature in the key, no odd spellings.
#
# The agent sends HEAD requests with an X-Freshet-Op. The answer is the stored
# object's header, or an empty 404, with one line of ours:
#   X-Freshet: <id of the request> <Varnish's clock> <verdict> <objects> <stamp> <ttl> <body still comes>

import std;
import purge;

# ------------------------------------------------------------------ requests

sub vcl_recv {
  # One name per object: the port and a closing dot do not count, nor does the
  # signature of a playback URL.
  set req.http.Host = regsub(req.http.Host.lower(), "\.*(:[0-9]*)?$", "");
  if (req.url ~ "[?&]auth_key(=|&|$)") {
    set req.url = regsuball(req.url, "([?&])auth_key(=[^&]*)?(?=&|$)", "\1");
    set req.url = regsuball(req.url, "&&+", "&");
    set req.url = regsub(regsub(req.url, "\?&", "?"), "[?&]$", "");
  }

  if (local.socket == "ctl") {
    call freshet_control;
  }

  # Viewers have no say in any of this.
  unset req.http.X-Freshet-Op;
  unset req.http.X-Freshet-Id;
  unset req.http.X-Freshet-Since;
  unset req.http.X-Freshet-Keep;
  unset req.http.X-Freshet-Text;
  unset req.http.X-Freshet-Deny;
  unset req.http.X-Freshet-Fetch;
  if (req.http.Host == "freshet.invalid") {
    return (synth(404));
  }

  # What is taken down is refused, before anything is looked up or fetched.
  call freshet_denied;

  # A purge names an object by the one canonical spelling of its URL. Another
  # spelling (a needless or lower-case escape, dot segments, empty parameters,
  # more than 4 KiB) is never stored, so that no purge can miss it.
  if (req.url ~ "%(?![0-9A-F]{2})|%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])|[^-A-Za-z0-9._~!$&'()*+,;=:@/?%]" ||
      req.url ~ "^[^?]*(/\.\.?(/|\?|$)|\?(.*&)?(&|$))|^.{4096}") {
    return (pass);
  }
}

# ------------------------------------------------------ what is taken down

# The agent keeps a folder with a file for each object that nobody may get
# (caches[].deny_folder); the name ends with the status that viewers are given.
sub freshet_deny_name {
  # This is the one line that you may change: the folder.
  set req.http.X-Freshet-Deny = "/var/lib/freshet/varnish-denied/";
}

sub freshet_denied {
  call freshet_deny_name;
  set req.http.X-Freshet-Text = req.http.X-Freshet-Deny + req.http.Host + req.url;
  if (std.file_exists(req.http.X-Freshet-Text + "#404")) {
    return (synth(404));
  }
  if (std.file_exists(req.http.X-Freshet-Text + "#451")) {
    return (synth(451, "Unavailable For Legal Reasons"));
  }
  unset req.http.X-Freshet-Text;

  # An odd spelling (see vcl_recv) is looked for by the path that it comes down
  # to, without the query. Of one that cannot be read that way nothing is known,
  # and it is not served while something of its host is taken down.
  if ((req.url ~ "%(?![0-9A-F]{2})|%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])|[^-A-Za-z0-9._~!$&'()*+,;=:@/?%]" ||
      req.url ~ "^[^?]*(/\.\.?(/|\?|$)|\?(.*&)?(&|$))|^.{4096}") && std.file_exists(req.http.X-Freshet-Deny + req.http.Host + "#any")) {
    set req.http.X-Freshet-Text = regsub(req.url, "\?.*", "");
    call freshet_spelling;
    if (req.http.X-Freshet-Text ~ "[^-A-Za-z0-9._~!$&'()*+,;=:@/%]|/\.\.?(/|$)|^.{4096}" ||
        std.file_exists(req.http.X-Freshet-Deny + "#spelling/" + req.http.Host + req.http.X-Freshet-Text + "#")) {
      return (synth(404));
    }
    unset req.http.X-Freshet-Text;
  }
  unset req.http.X-Freshet-Deny;
}

# ------------------------------------------------- the agent's own listener

sub freshet_control {
  if (req.method != "HEAD") {
    return (synth(405));
  }
  set req.http.Accept-Encoding = "gzip";  # what is stored, not a copy unpacked
  # Look at every variant, and at nothing that is not there yet.
  set req.hash_ignore_vary = true;
  set req.hash_ignore_busy = true;
  if (req.restarts > 0 && req.http.X-Freshet-Verdict == "pass") {
    return (purge);
  }
  set req.http.X-Freshet-Now = std.time2real(now, 0.0);
  set req.http.X-Freshet-Count = "0";
  set req.http.X-Freshet-Verdict = "ok";

  if (req.http.X-Freshet-Op == "purge" || req.http.X-Freshet-Op == "soft" || req.http.X-Freshet-Op == "inspect") {
    return (hash);
  }
  if (req.http.X-Freshet-Op == "join") {
    # What is stored is too old for this lookup, so that it waits for any fill
    # in flight: it hits what arrived meanwhile, and misses once nothing is left.
    set req.hash_ignore_busy = false;
    set req.ttl = 0.001s;
    set req.grace = 0s;
    return (hash);
  }
  if (req.http.X-Freshet-Op == "put" || req.http.X-Freshet-Op == "count") {
    set req.http.Host = "freshet.invalid";
    set req.hash_always_miss = true;
    return (hash);
  }
  if (req.http.X-Freshet-Op == "ban") {
    # The agent builds the expression from text that it has checked and quoted.
    if (std.ban(req.http.X-Freshet-Text)) {
      return (synth(200));
    }
    set req.http.X-Freshet-Verdict = "refused";
    return (synth(400));
  }
  if (req.http.X-Freshet-Op == "denied") {
    # Does Varnish see the file of this object? The count is the status.
    call freshet_deny_name;
    if (std.file_exists(req.http.X-Freshet-Deny + req.http.Host + req.url + "#451")) {
      set req.http.X-Freshet-Count = "451";
    }
    if (std.file_exists(req.http.X-Freshet-Deny + req.http.Host + req.url + "#404")) {
      set req.http.X-Freshet-Count = "404";
    }
    return (synth(200));
  }
  if (req.http.X-Freshet-Op == "hello") {
    return (synth(200));
  }
  set req.http.X-Freshet-Verdict = "unknown";
  return (synth(404));
}

# Removes every variant. With Since, a copy fetched after that time stays; of
# several variants one alone can be seen here, so then all go.
sub freshet_purge {
  if (req.http.X-Freshet-Op == "soft") {
    set req.http.X-Freshet-Count = purge.soft(0s, 0s, std.duration(req.http.X-Freshet-Keep, 1h));
  } else {
    set req.http.X-Freshet-Count = purge.hard();
  }
}

sub vcl_hit {
  if (req.http.X-Freshet-Op) {
    set req.http.X-Freshet-Verdict = "hit";
    if (req.http.X-Freshet-Op == "join") {
      set req.http.X-Freshet-Verdict = "joined";
    }
    if (req.http.X-Freshet-Op == "purge" || req.http.X-Freshet-Op == "soft") {
      if (req.http.X-Freshet-Since
          && std.real(obj.http.X-Freshet-Fetch, 0.0) > std.real(req.http.X-Freshet-Since, 0.0)
          && (!obj.http.Vary || obj.http.Vary ~ "(?i)^ *accept-encoding *$")) {
        set req.http.X-Freshet-Verdict = "kept";
      } else {
        call freshet_purge;
      }
    }
    return (deliver);
  }
}

sub vcl_miss {
  if (req.http.X-Freshet-Op) {
    if (req.http.X-Freshet-Op == "join") {
      if (req.is_hitmiss) {
        # The mark of an answer that was not to be stored: while it is there,
        # lookups wait for nothing.
        set req.http.X-Freshet-Count = purge.hard();
        set req.http.X-Freshet-Verdict = "again";
        return (synth(404));
      }
      # Nothing is in flight. Now look at what is stored.
      set req.http.X-Freshet-Op = "inspect";
      set req.ttl = 10y;
      set req.grace = 10y;
      return (restart);
    }
    if (req.http.X-Freshet-Op == "put") {
      set req.http.X-Freshet-Count = purge.hard();
      return (fetch);
    }
    if (req.http.X-Freshet-Op == "count") {
      set req.http.X-Freshet-Count = purge.soft(1d, -1s, -1s);  # counts, and removes nothing
    } elseif (req.http.X-Freshet-Op != "inspect" && !req.http.X-Freshet-Since) {
      call freshet_purge;
    }
    set req.http.X-Freshet-Verdict = "miss";
    return (synth(404));
  }
}

# A key that is marked as not to be stored. There is no body to ask for.
sub vcl_pass {
  if (req.http.X-Freshet-Op) {
    if (req.http.X-Freshet-Op == "purge" || req.http.X-Freshet-Op == "soft") {
      set req.http.X-Freshet-Verdict = "pass";
      return (restart);
    }
    set req.http.X-Freshet-Verdict = "miss";
    if (req.http.X-Freshet-Op == "join") {
      set req.http.X-Freshet-Verdict = "again";
    }
    return (synth(404));
  }
}

sub vcl_pipe {
  if (req.http.X-Freshet-Op) {
    return (synth(405));
  }
}

sub vcl_deliver {
  if (req.http.X-Freshet-Op) {
    set resp.http.X-Freshet = req.http.X-Freshet-Id + " " + req.http.X-Freshet-Now + " " + req.http.X-Freshet-Verdict + " "
      + req.http.X-Freshet-Count + " " + std.real(resp.http.X-Freshet-Fetch, 0.0) + " " + obj.ttl + " " + resp.is_streaming;
    return (deliver);
  }
  unset resp.http.X-Freshet-Fetch;
  unset resp.http.X-Freshet-Host;
  unset resp.http.X-Freshet-Url;
}

sub vcl_synth {
  if (req.http.X-Freshet-Op && local.socket == "ctl") {
    set resp.http.X-Freshet = req.http.X-Freshet-Id + " " + req.http.X-Freshet-Now + " " + req.http.X-Freshet-Verdict + " "
      + req.http.X-Freshet-Count + " 0.000 0.000 false";
    set resp.http.X-Freshet-Can = req.http.X-Freshet-Can;
    return (deliver);
  }
  if (req.http.X-Freshet-Deny && (resp.status == 451 || resp.status == 404)) {
    if (resp.status == 451) {
      set resp.http.Freshet-Denied = "takedown";
    }
    set resp.http.Cache-Control = "no-store";
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.body = resp.reason + {"
"};
    return (deliver);
  }
}

# ------------------------------------------------------ what is stored, and when

sub vcl_backend_fetch {
  # The stamp, taken before the request leaves and anew if it is sent again.
  set bereq.http.X-Freshet-Fetch = std.time2real(now, 0.0);
  if (bereq.http.X-Freshet-Op == "put") {
    return (error(200));
  }
}

# Bans find objects by these; a revalidated object (304) gets them anew, too.
sub freshet_stamp {
  set beresp.http.X-Freshet-Fetch = bereq.http.X-Freshet-Fetch;
  set beresp.http.X-Freshet-Host = bereq.http.Host;
  set beresp.http.X-Freshet-Url = "http://" + bereq.http.Host + bereq.url;
}

sub vcl_backend_response {
  call freshet_stamp;
}

sub vcl_backend_error {
  call freshet_stamp;
  if (bereq.http.X-Freshet-Op == "put") {
    # The agent's own notes: how far the content is purged, which no ban by age
    # may touch; and a mark for each ban, which goes when Varnish has worked
    # through the ban, so that the agent knows how many are left.
    set beresp.ttl = 1d;
    set beresp.http.X-Freshet-Fetch = "0000000000.000";
    if (bereq.url == "/cursor") {
      set beresp.ttl = 3650d;
      set beresp.http.X-Freshet-Fetch = "9999999999.000";
    }
    set beresp.http.X-Freshet-Url = bereq.url;
    set beresp.http.xkey = "freshet.invalid" + bereq.url;
    set beresp.http.X-Freshet-Text = bereq.http.X-Freshet-Text;
    set beresp.body = "";
    return (deliver);
  }
}

# --------------------------------------------- what an odd spelling comes down to

# X-Freshet-Text is a path: escapes in upper case, none of bytes that need none,
# no dot segments.
sub freshet_spelling {
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])a", "%\1A");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%a([0-9A-F])", "%A\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])b", "%\1B");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%b([0-9A-F])", "%B\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])c", "%\1C");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%c([0-9A-F])", "%C\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])d", "%\1D");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%d([0-9A-F])", "%D\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])e", "%\1E");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%e([0-9A-F])", "%E\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%([0-9A-Fa-f])f", "%\1F");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%f([0-9A-F])", "%F\1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%(?![0-9A-F]{2})", "%25");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%30", "0");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%31", "1");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%32", "2");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%33", "3");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%34", "4");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%35", "5");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%36", "6");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%37", "7");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%38", "8");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%39", "9");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%41", "A");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%42", "B");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%43", "C");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%44", "D");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%45", "E");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%46", "F");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%47", "G");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%48", "H");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%49", "I");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4A", "J");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4B", "K");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4C", "L");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4D", "M");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4E", "N");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%4F", "O");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%50", "P");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%51", "Q");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%52", "R");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%53", "S");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%54", "T");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%55", "U");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%56", "V");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%57", "W");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%58", "X");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%59", "Y");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%5A", "Z");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%61", "a");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%62", "b");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%63", "c");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%64", "d");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%65", "e");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%66", "f");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%67", "g");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%68", "h");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%69", "i");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6A", "j");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6B", "k");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6C", "l");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6D", "m");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6E", "n");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%6F", "o");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%70", "p");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%71", "q");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%72", "r");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%73", "s");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%74", "t");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%75", "u");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%76", "v");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%77", "w");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%78", "x");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%79", "y");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%7A", "z");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%2D", "-");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%2E", ".");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%5F", "_");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "%7E", "~");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\x22", "%22");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "<", "%3C");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, ">", "%3E");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\x5C", "%5C");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\^", "%5E");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "`", "%60");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\{", "%7B");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\|", "%7C");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\}", "%7D");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\[", "%5B");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "\]", "%5D");
  set req.http.X-Freshet-Text = regsuball(req.http.X-Freshet-Text, "/\.(?=/)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/\.$", "/");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/[^/]*/\.\.(?=/|$)", "");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "^$", "/");
  set req.http.X-Freshet-Text = regsub(req.http.X-Freshet-Text, "/\.\.$", "/");
}
