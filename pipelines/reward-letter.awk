# reward-letter.awk - a reward for tppo --reward: the share of one letter among the characters of an answer.
#
#	tppo --reward "awk -f reward-letter.awk -v letter=a" ...
#
# Reads JSON lines, writes a number for each and flushes it: a program that keeps its answers to itself while it waits for
# more lines holds the training up. For the same reason mawk, which is Debian's awk, needs -W interactive: without it
# it reads ahead.
BEGIN {
	if (letter == "")
		letter = "e"
}
{
	text = $0
	# a raw quote cannot stand within a JSON string, so this is the key, and the last key ends the text
	sub(/^.*"completion": "/, "", text)
	sub(/", "ended": (true|false)}$/, "", text)
	gsub(/\\u[0-9a-f][0-9a-f][0-9a-f][0-9a-f]|\\./, " ", text)
	all = length(text)
	print all ? gsub(letter, "", text) / all : 0
	fflush()
}
