#ifndef IDF_ESP_TASK_H
#define IDF_ESP_TASK_H
#define ESP_TASK_PRIO_MIN (0)
#endif
