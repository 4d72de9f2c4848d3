/* Spends CPU time on two functions, three to seven, until its standard input ends. Turns are of lengths that no sampler keeps
   step with, and are told by the CPU time of the thread, so that the shares hold on a busy machine too. */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#define APART __attribute__((noinline, noclone))

static volatile unsigned long sum = 1;

static long cpu_us(void) {
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

APART static void burn(long until_us) {
    while (cpu_us() < until_us)
        for (int i = 0; i < 20000; i++) sum = sum * 31 + i;
}

/* What follows the call keeps these on the stack, and different from each other. */
APART static void three_tenths(long until_us) {
    burn(until_us);
    sum += 3;
}

APART static void seven_tenths(long until_us) {
    burn(until_us);
    sum += 7;
}

int main(void) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    puts("ready");
    fflush(stdout);
    long end = cpu_us();
    for (long turn = 1; poll(&input, 1, 0) == 0; turn++) {
        long length = 3000 + turn * 7919 % 4001;
        /* From where the last should have ended, so that what a turn takes too long is not repeated. */
        three_tenths(end + length * 3 / 10);
        seven_tenths(end += length);
    }
    return 0;
}
