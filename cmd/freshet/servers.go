package main

// servers returns the commands that start servers.
func servers() serverCommands { return serverCommands{} }
