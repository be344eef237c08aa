#!/bin/bash
# Makes testdata/ladder: a small, real video ladder from synthetic test sources.
# Usage: testdata/make.sh            (needs ffmpeg with libx264, aac and libmp3lame)
#
# One encode of each rendition on one thread and in bit-exact mode, then only
# remuxing, so that running it twice with one version of ffmpeg gives the same
# bytes. The catalog beside the media (catalog.jsonl) is written by hand and kept.
set -euo pipefail
cd "$(dirname "$0")/ladder"

seconds=36 segment=3 rate=15
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ff() { ffmpeg -hide_banner -loglevel error -nostdin -y "$@"; }
exact=(-threads 1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1)

# Pictures: one key frame per segment, so that every segment starts with one.
video() { # WIDTHxHEIGHT BITRATE_KBIT NAME
  ff -f lavfi -i "testsrc2=size=$1:rate=$rate:duration=$seconds" "${exact[@]}" \
    -c:v libx264 -preset slow -profile:v main -pix_fmt yuv420p -g $((rate * segment)) \
    -keyint_min $((rate * segment)) -sc_threshold 0 -b:v "$2k" -maxrate "$2k" -bufsize "$(($2 * 2))k" \
    "$work/$3.mp4"
}
video 426x240 90 240p
video 320x180 60 180p
video 256x144 40 144p

# Sound: a slow sweep is easier on the ears, and on the encoder, than noise.
tone="aevalsrc=0.2*sin(2*PI*(220+4*t)*t):s=22050:d=$seconds"
ff -f lavfi -i "$tone" "${exact[@]}" -ac 1 -c:a aac -b:a 32k "$work/audio.m4a"

rm -rf film clip
mkdir -p film/ts film/cmaf film/ts/subs clip

inputs=(-i "$work/240p.mp4" -i "$work/180p.mp4" -i "$work/144p.mp4" -i "$work/audio.m4a")
hls=("${exact[@]}" -c copy -f hls -hls_time $segment -hls_playlist_type vod
  -hls_flags independent_segments -master_pl_name master.m3u8)

# HLS with MPEG-TS segments: three renditions of pictures and one of sound.
ff "${inputs[@]}" -map 0:v -map 1:v -map 2:v -map 3:a "${hls[@]}" -hls_segment_type mpegts \
  -var_stream_map "v:0,agroup:sound,name:240p v:1,agroup:sound,name:180p v:2,agroup:sound,name:144p a:0,agroup:sound,name:audio,language:en,default:yes" \
  -hls_segment_filename 'film/ts/%v/seg-%05d.ts' 'film/ts/%v/index.m3u8'

# HLS with CMAF segments and their init sections, two renditions and the sound.
ff "${inputs[@]}" -map 0:v -map 2:v -map 3:a "${hls[@]}" -hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 \
  -var_stream_map "v:0,agroup:sound,name:240p v:1,agroup:sound,name:144p a:0,agroup:sound,name:audio,language:en,default:yes" \
  -hls_segment_filename 'film/cmaf/%v/seg-%05d.m4s' 'film/cmaf/%v/index.m3u8'

# HLS in one file per rendition, addressed by byte ranges.
ff -i "$work/144p.mp4" "${exact[@]}" -c copy -f hls -hls_time $segment -hls_playlist_type vod \
  -hls_flags single_file+independent_segments -hls_segment_type mpegts \
  -hls_segment_filename clip/all.ts clip/index.m3u8

# Subtitles: WebVTT in segments of 12 s, named by the TS ladder.
{
  printf '#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:12\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n'
  for i in 0 1 2; do
    printf 'WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:126000\n\n00:00:%02d.000 --> 00:00:%02d.000\nPart %d of the test picture.\n' \
      $((i * 12)) $((i * 12 + 10)) $((i + 1)) >"film/ts/subs/seg-0000$i.vtt"
    printf '#EXTINF:12.000000,\nseg-0000%d.vtt\n' $i
  done
  printf '#EXT-X-ENDLIST\n'
} >film/ts/subs/index.m3u8
sed -i -e '0,/^#EXT-X-MEDIA:/s//#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English, in full",LANGUAGE="en",DEFAULT=NO,URI="subs\/index.m3u8"\n&/' \
  -e '/^#EXT-X-STREAM-INF:/s/$/,SUBTITLES="text"/' film/ts/master.m3u8

# Files that are played whole.
ff -i "$work/240p.mp4" -i "$work/audio.m4a" "${exact[@]}" -c copy -movflags +faststart film/original.mp4
ff -i "$work/audio.m4a" "${exact[@]}" -c:a libmp3lame -b:a 32k -id3v2_version 0 -write_xing 0 film/audio.mp3

du -sb .
