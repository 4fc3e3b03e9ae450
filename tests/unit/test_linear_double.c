/* The same in double: there are no vectors of 64 bytes then, so this tests the others on every machine. */
#include "unit/test_linear.c"
