/* For a source whose code runs once, or once a window: it is compiled for its size. To be included first. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(VIB_LANES)
#pragma GCC optimize("Os")
#endif
