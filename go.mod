module github.com/freshet-vod/freshet

go 1.26.0
