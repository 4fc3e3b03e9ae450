# Entity precision, recall and F1 of lines "word tag predicted", sentences between empty lines, counted word by
# word with a state, as the shared task's script does: what is correct is decided while going along, not by
# comparing lists of entities. Prints: entities in the data, found, correct.
import sys


def split(tag):
    return (tag, '') if tag == 'O' else tuple(tag.split('-', 1))


def end_of_chunk(before, tag, before_type, type_):
    if before in ('E', 'S'):
        return True
    if before in ('B', 'I') and tag in ('B', 'S', 'O'):
        return True
    return before != 'O' and before_type != type_


def start_of_chunk(before, tag, before_type, type_):
    if tag in ('B', 'S'):
        return True
    if before in ('E', 'S', 'O') and tag in ('E', 'I'):
        return True
    return tag != 'O' and before_type != type_


there = found = correct = 0
in_correct = False
last_there, last_there_type = 'O', ''
last_found, last_found_type = 'O', ''
for line in sys.stdin:
    cells = line.split()
    a, at = split(cells[1]) if cells else ('O', '')
    b, bt = split(cells[2]) if cells else ('O', '')
    if in_correct:
        ends_a = end_of_chunk(last_there, a, last_there_type, at)
        ends_b = end_of_chunk(last_found, b, last_found_type, bt)
        if ends_a and ends_b and last_there_type == last_found_type:
            in_correct = False
            correct += 1
        elif ends_a != ends_b or at != bt:
            in_correct = False
    starts_a = start_of_chunk(last_there, a, last_there_type, at)
    starts_b = start_of_chunk(last_found, b, last_found_type, bt)
    if starts_a and starts_b and at == bt:
        in_correct = True
    there += starts_a
    found += starts_b
    last_there, last_there_type, last_found, last_found_type = a, at, b, bt
correct += in_correct
print(there, found, correct)
